"""Holds the access rule of every route in one table.

A route without a rule can't be served: `check_rules` fails when the application is made.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from enum import StrEnum

from starlette.routing import BaseRoute

from publisher.staff.reauthentication import EVERY_TIME, REAUTHENTICATION_LIFETIME
from publisher.staff.roles import Permission


class Access(StrEnum):
    PUBLIC = "public"
    SIGNED_IN = "signed in"
    """Everybody of the staff, whatever their roles."""


Rule = Access | Permission
P, A = Permission, Access

RULES: dict[str, Rule] = {
    "static": A.PUBLIC,
    "healthz": A.PUBLIC,
    "readyz": A.PUBLIC,
    "metrics": A.PUBLIC,
    "login": A.PUBLIC,
    "log_in": A.PUBLIC,
    "log_in_with_code": A.PUBLIC,
    "invitation": A.PUBLIC,
    "accept_invitation": A.PUBLIC,
    "session_state": A.PUBLIC,
    "stay_logged_in": A.SIGNED_IN,
    "log_out": A.SIGNED_IN,
    "account": A.SIGNED_IN,
    "choose_language": A.SIGNED_IN,
    "change_password": A.SIGNED_IN,
    "set_second_factor": A.SIGNED_IN,
    "remove_second_factor": A.SIGNED_IN,
    "log_out_elsewhere": A.SIGNED_IN,
    "people": P.ADMINISTER,
    "invite_person": P.ADMINISTER,
    "invite_person_again": P.ADMINISTER,
    "change_roles": P.ADMINISTER,
    "change_active": P.ADMINISTER,
    "remove_factor_of": P.ADMINISTER,
    "audit": P.ADMINISTER,
    "today": P.READ,
    "thumbnail": P.READ,
    "rendition": P.READ,
    "deliveries": P.READ,
    "export_deliveries": P.READ,
    "delivery_changes": P.READ,
    "delivery": P.READ,
    "retry_delivery": P.OPERATE,
    "adopt_delivery": P.OPERATE,
    "cancel_delivery": P.OPERATE,
    "channels": P.READ,
    "pause_channel": P.OPERATE,
    "resume_channel": P.OPERATE,
    "retry_waiting": P.OPERATE,
    "examine_channel": P.OPERATE,
    "rehearse_on_sandbox": P.OPERATE,
    "connect_channel": P.OPERATE,
    "begin_connecting": P.OPERATE,
    "go_on_connecting": P.OPERATE,
    "channel_callback": P.OPERATE,
    "new_post": P.WRITE,
    "create_post": P.WRITE,
    "edit_post_page": P.READ,
    "save_post": P.WRITE,
    "autosave": P.WRITE,
    "unsaved_texts": P.WRITE,
    "forget_autosave": P.WRITE,
    "live_preview": P.READ,
    "begin_upload": P.WRITE,
    "upload_state": P.WRITE,
    "add_piece": P.WRITE,
    "forget_upload": P.WRITE,
    "picture_form": P.WRITE,
    "ask_review": P.WRITE,
    "approve_post": P.APPROVE,
    "correct_post_page": P.APPROVE,
    "preview_correction": P.APPROVE,
    "confirm_correction": P.APPROVE,
    "send_back_post": P.APPROVE,
    "comment_on_post": P.WRITE,
    "withdraw": P.APPROVE,
    "post_version": P.READ,
    "restore_version": P.WRITE,
    "queue": P.READ,
    "move_queued": P.APPROVE,
    "approve_queued": P.APPROVE,
    "withdraw_queued": P.APPROVE,
    "tag_queued": P.WRITE,
    "undo_change": P.WRITE,
    "archive": P.READ,
    "collections": P.READ,
    "make_collection": P.WRITE,
    "collection": P.READ,
    "change_collection": P.WRITE,
    "remove_collection": P.APPROVE,
    "collect_posts": P.WRITE,
    "order_collection": P.WRITE,
    "related_posts": P.READ,
    "post_record": P.READ,
    "alt_texts": P.READ,
    "picture_alt_text": P.READ,
    "save_alt_text": P.WRITE,
    "calendar": P.READ,
    "place_post": P.APPROVE,
    "make_calendar_key": P.READ,
    "drop_calendar_key": P.READ,
    "calendar_feed": A.PUBLIC,
    "tokens": A.SIGNED_IN,
    "make_token": A.SIGNED_IN,
    "revoke_token": A.SIGNED_IN,
    "api_docs": A.SIGNED_IN,
    "imports": P.ADMINISTER,
    "begin_import": P.ADMINISTER,
    "import_progress": P.ADMINISTER,
    "stop_import": P.ADMINISTER,
    "import_page": P.ADMINISTER,
    "undo_import": P.ADMINISTER,
    "webhooks": P.ADMINISTER,
    "add_webhook": P.ADMINISTER,
    "webhook": P.ADMINISTER,
    "switch_webhook": P.ADMINISTER,
    "remove_webhook": P.ADMINISTER,
    "send_again": P.ADMINISTER,
    "for_you": A.SIGNED_IN,
    "open_notification": A.SIGNED_IN,
    "read_all": A.SIGNED_IN,
    "read_notification": A.SIGNED_IN,
    "choose_notifications": A.SIGNED_IN,
    "set_chat_addresses": A.SIGNED_IN,
    "post_links": P.WRITE,
    "make_preview_link": P.WRITE,
    "revoke_preview_link": P.WRITE,
    "shared_post": A.PUBLIC,
    "shared_picture": A.PUBLIC,
    "add_remark": A.PUBLIC,
    "api_schema": A.PUBLIC,
    "api_posts": P.READ,
    "api_create_post": P.WRITE,
    "api_post": P.READ,
    "api_post_problems": P.READ,
    "api_change_post": P.WRITE,
    "api_ask_review": P.WRITE,
    "api_approve_post": P.APPROVE,
    "api_preview_correction": P.APPROVE,
    "api_correct_post": P.APPROVE,
    "api_withdraw_post": P.APPROVE,
    "api_preview_links": P.WRITE,
    "api_make_preview_link": P.WRITE,
    "api_revoke_preview_link": P.WRITE,
    "api_collections": P.READ,
    "api_make_collection": P.WRITE,
    "api_collection": P.READ,
    "api_change_collection": P.WRITE,
    "api_remove_collection": P.APPROVE,
    "api_collect_post": P.WRITE,
    "api_uncollect_post": P.WRITE,
    "api_alt_texts": P.READ,
    "api_write_alt_text": P.WRITE,
    "api_upload_image": P.WRITE,
    "api_image": P.READ,
    "api_queue": P.READ,
    "api_move_post": P.APPROVE,
    "api_calendar": P.READ,
    "api_deliveries": P.READ,
    "api_delivery": P.READ,
    "api_retry_delivery": P.OPERATE,
    "api_adopt_delivery": P.OPERATE,
    "api_cancel_delivery": P.OPERATE,
    "api_channels": P.READ,
    "api_channel": P.READ,
}
"""The rule of each route, by its name. For the API it is also the scope that the token must have."""


CONFIRM_WITHIN: dict[str, timedelta] = {
    "change_password": EVERY_TIME,
    "set_second_factor": EVERY_TIME,
    "remove_second_factor": EVERY_TIME,
    "make_token": REAUTHENTICATION_LIFETIME,
    "set_chat_addresses": REAUTHENTICATION_LIFETIME,
    "make_calendar_key": REAUTHENTICATION_LIFETIME,
    "invite_person": REAUTHENTICATION_LIFETIME,
    "invite_person_again": REAUTHENTICATION_LIFETIME,
    "change_roles": REAUTHENTICATION_LIFETIME,
    "change_active": REAUTHENTICATION_LIFETIME,
    "remove_factor_of": REAUTHENTICATION_LIFETIME,
    "log_out_elsewhere": REAUTHENTICATION_LIFETIME,
    "begin_connecting": REAUTHENTICATION_LIFETIME,
    "add_webhook": REAUTHENTICATION_LIFETIME,
    "switch_webhook": REAUTHENTICATION_LIFETIME,
    "remove_webhook": REAUTHENTICATION_LIFETIME,
}
"""Routes that change who gets in or where the desk sends to, each with how old a confirmation may be.

A person confirms who they are with their password, in this session. A log-in to a platform can only go on in
the session that began it, under the token that this question gave it.
"""


SECRET_FORMS = frozenset({"go_on_connecting"})
"""Routes whose forms hold secrets of others, by name: what was entered is never written into a page."""


SECRET_ADDRESSES = frozenset({"add_remark"})
"""Routes whose address is the whole permission, by name: a page that does not know it can't send their forms.

Their pages name no origin, since a browser would put the secret into it.
"""


RAW_BODIES = frozenset({"add_piece"})
"""Routes that take a body as it is, by name: they are never read as a form."""


NOT_A_USE = frozenset({"session_state"})
"""Routes that pages ask by themselves, by name: they keep no session alive."""


class MissingRule(Exception):
    """A route has no access rule."""


def check_rules(routes: Iterable[BaseRoute]) -> None:
    """Raises NoRule for the first route without a rule."""
    for route in routes:
        name = getattr(route, "name", "")
        if name not in RULES:
            raise MissingRule(f"the route {name!r} has no rule in publisher.web.access; say who may use it")


def allows(rule: Rule, permissions: frozenset[Permission] | None) -> bool:
    """Decides whether somebody with these permissions may use a route; None: nobody is logged in."""
    if rule == Access.PUBLIC:
        return True
    if permissions is None:
        return False
    return rule == Access.SIGNED_IN or rule in permissions
