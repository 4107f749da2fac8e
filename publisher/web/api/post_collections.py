"""Lists, makes, changes and fills collections of posts."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from publisher.archive.post_collections import (
    CollectionFields,
    Collections,
    Step,
    list_collections,
    load_collection,
    posts_of,
    version_of,
)
from publisher.core.post_limits import COLLECTION_NAME, STANDFIRST
from publisher.staff.roles import Permission
from publisher.web.api.conditions import IfMatch, etag, require_match
from publisher.web.api.guard import GuardedRoute, actor, desk_of, holder_of_request
from publisher.web.api.paging import Id
from publisher.web.api.response_docs import BODY_STATUSES, ETAG, INPUT_STATUSES, problems, success

router = APIRouter(prefix="/collections", tags=["archive"], route_class=GuardedRoute)


class CollectionIn(BaseModel):
    """What somebody says of a collection."""

    name: Annotated[
        str, Field(max_length=COLLECTION_NAME, pattern=r"^[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*$", examples=["Neurons"])
    ]
    description: Annotated[str, Field(max_length=STANDFIRST, pattern=r"^[^\x00]*$")] = ""
    is_public: StrictBool = Field(
        default=False, description="Everybody may see it where the outlet shows its archive; takes the scope `approve`."
    )

    @property
    def fields(self) -> CollectionFields:
        return CollectionFields(self.name, self.description, self.is_public)


class CollectionSummary(BaseModel):
    """A collection in the list."""

    model_config = ConfigDict(from_attributes=True)

    id: int = Field(examples=[3])
    name: str
    description: str
    is_public: bool
    posts: int = Field(description="How many posts it has.", examples=[12])


class CollectionsOut(BaseModel):
    """All collections, by their names."""

    items: list[CollectionSummary]


class CollectedOut(BaseModel):
    """A post in a collection."""

    model_config = ConfigDict(from_attributes=True)

    id: int = Field(examples=[17])
    title: str
    language: str
    state: str
    last_shown_on: date | None


class CollectionOut(BaseModel):
    """A collection with its posts in their order."""

    id: int = Field(examples=[3])
    version: str = Field(
        description="Identifies name, description and who may see it; its `ETag`.", examples=["3f79bb7b435b0532"]
    )
    name: str
    description: str
    is_public: bool
    posts: list[CollectedOut]


class Place(BaseModel):
    """Where a post goes in a collection."""

    step: Literal["first", "up", "down", "last"] = Field(
        default="last", description="From where it is; a post that is new in the collection comes from its end."
    )


FOUND = problems(404, *INPUT_STATUSES)
CHANGED = problems(404, 409, *BODY_STATUSES)


@router.get("", response_model=CollectionsOut, responses={**success(200, "The collections."), **problems()})
def api_collections(request: Request) -> Any:
    """Lists the collections by their names."""
    with desk_of(request).database.reading() as session:
        return {"items": list_collections(session)}


@router.post(
    "",
    status_code=201,
    response_model=CollectionOut,
    responses={**success(201, "It is made.", ETAG), **problems(409, *BODY_STATUSES)},
)
def api_make_collection(request: Request, response: Response, new: CollectionIn) -> Any:
    """Makes a collection without posts."""
    return _out(request, response, _changing(request).add(new.fields))


@router.get("/{collection_id}", response_model=CollectionOut, responses={**success(200, "It.", ETAG), **FOUND})
def api_collection(request: Request, response: Response, collection_id: Id) -> Any:
    """Reads a collection with its posts in their order."""
    return _out(request, response, collection_id)


@router.put(
    "/{collection_id}",
    response_model=CollectionOut,
    responses={**success(200, "It is changed.", ETAG), **CHANGED, **problems(412, 428)},
)
def api_change_collection(
    request: Request, response: Response, collection_id: Id, fields: CollectionIn, if_match: IfMatch = None
) -> Any:
    """Changes the name, the description and who may see it."""
    with desk_of(request).database.reading() as session:
        version = version_of(load_collection(session, collection_id))
    require_match(if_match, version)
    _changing(request).change(collection_id, fields.fields, expected_version=version)
    return _out(request, response, collection_id)


@router.delete("/{collection_id}", status_code=204, responses={**success(204, "It is gone; its posts stay."), **FOUND})
def api_remove_collection(request: Request, collection_id: Id) -> Response:
    """Removes a collection. Its posts stay."""
    _changing(request).remove(collection_id)
    return Response(status_code=204)


@router.put(
    "/{collection_id}/posts/{post_id}",
    response_model=CollectionOut,
    responses={**success(200, "It is there.", ETAG), **CHANGED},
)
def api_collect_post(request: Request, response: Response, collection_id: Id, post_id: Id, place: Place) -> Any:
    """Puts a post into a collection, at its end, and moves it there."""
    changing = _changing(request)
    changing.add_posts(collection_id, [post_id])
    step: Step = place.step
    changing.move_post(collection_id, post_id, step)
    return _out(request, response, collection_id)


@router.delete(
    "/{collection_id}/posts/{post_id}",
    response_model=CollectionOut,
    responses={**success(200, "It is not in it any more.", ETAG), **problems(404, 409, *INPUT_STATUSES)},
)
def api_uncollect_post(request: Request, response: Response, collection_id: Id, post_id: Id) -> Any:
    """Takes a post out of a collection."""
    _changing(request).remove_post(collection_id, post_id)
    return _out(request, response, collection_id)


def _changing(request: Request) -> Collections:
    may_publish = Permission.APPROVE in holder_of_request(request).permissions
    return Collections(desk_of(request), actor(request), may_publish=may_publish)


def _out(request: Request, response: Response, collection_id: int) -> CollectionOut:
    with desk_of(request).database.reading() as session:
        stored = load_collection(session, collection_id)
        response.headers["ETag"] = etag(version_of(stored))
        posts = [CollectedOut.model_validate(post) for post in posts_of(session, collection_id)]
        return CollectionOut(
            id=stored.id,
            version=version_of(stored),
            name=stored.name,
            description=stored.description,
            is_public=stored.is_public,
            posts=posts,
        )
