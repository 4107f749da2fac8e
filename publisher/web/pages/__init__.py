"""One module per page. `ROUTERS` is what the application serves."""

from publisher.web.pages import account, approval, editor, login, people, pictures, probes, today

ROUTERS = (
    account.router,
    approval.router,
    editor.router,
    login.router,
    people.router,
    pictures.router,
    probes.router,
    today.router,
)
