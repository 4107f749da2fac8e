"""One module per page. `ROUTERS` is what the application serves."""

from publisher.web.pages import login, pictures, probes, today

ROUTERS = (login.router, pictures.router, probes.router, today.router)
