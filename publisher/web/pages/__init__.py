"""One module per page. `ROUTERS` is what the application serves."""

from publisher.web.pages import (
    account,
    approval,
    archive,
    calendar_page,
    deliveries,
    editor,
    login,
    people,
    pictures,
    probes,
    queue_page,
    today,
    uploads,
)

ROUTERS = (
    account.router,
    approval.router,
    archive.router,
    calendar_page.router,
    deliveries.router,
    editor.router,
    login.router,
    people.router,
    pictures.router,
    probes.router,
    queue_page.router,
    today.router,
    uploads.router,
)
