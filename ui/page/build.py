"""Puts the page together and serves it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import gradio as gr
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Mount, Route

from backend.contracts.settings import XyzGridSettings
from backend.storage.accounts import Accounts
from backend.storage.audit import FILE as AUDIT_FILE
from backend.storage.audit import Audit
from backend.storage.invitations import PATH as INVITATIONS
from backend.storage.keys import secret_key
from backend.storage.sessions import Sessions
from ui.api.endpoints import unknown_field
from ui.api.scripts_page import LINK, scripts_page
from ui.forms.controls import control_for
from ui.forms.form import Form
from ui.forms.workspace import Workspace
from ui.gradio_compat.at_once import answer_at_once
from ui.gradio_compat.built_once import made_at_launch
from ui.gradio_compat.cut_uploads import remove_cut_uploads
from ui.gradio_compat.early_script import EarlyScript
from ui.gradio_compat.joins import MAX_EVENTS, Joins, probe
from ui.gradio_compat.light_sessions import describe_nothing_twice
from ui.gradio_compat.login import SignedIn
from ui.gradio_compat.no_fetching import make_no_requests
from ui.gradio_compat.own_files import serve_own_files
from ui.gradio_compat.plain_errors import plain_errors
from ui.gradio_compat.quick_events import QuickEvents
from ui.gradio_compat.share_helper import run_known_helpers_only
from ui.gradio_compat.sockets import SocketLimits, bound_sockets
from ui.gradio_compat.tokens import keep_sessions
from ui.jobs.asked import Desk
from ui.jobs.inviting import invitation_routes
from ui.jobs.lab import lab_routes
from ui.jobs.lora_tools import lora_tool_routes
from ui.jobs.past import history_routes
from ui.jobs.people import people_routes
from ui.jobs.portraits import portrait_routes
from ui.jobs.routes import PREFIX, job_routes
from ui.jobs.sentences import sentence
from ui.jobs.trainings import training_routes
from ui.jobs.verify import verify_routes
from ui.jobs.words import word_routes
from ui.openai.answers import unauthorized
from ui.openai.links import Links
from ui.openai.routes import files, openai
from ui.page.following import connect_model
from ui.page.linking import connect_links
from ui.page.lists import connect_lists
from ui.page.remembering import remember
from ui.page.send import connect_sends
from ui.page.tabs import TABS
from ui.page.theme import COMPAT, STATIC, css, theme
from ui.panels.check import check_panel
from ui.panels.filling import Filler
from ui.panels.header import header
from ui.panels.history import connect_records, history_gallery
from ui.panels.lab import lab_tab
from ui.panels.presets import PresetPanel
from ui.panels.tab_bar import TabBar
from ui.panels.verify import connect_verify
from ui.sdapi.access import Access
from ui.sdapi.routes import controlnet, sdapi
from ui.server.bodies import Bodies
from ui.server.bundle import Script, bundle
from ui.server.doors import Doors
from ui.server.file_limit import raise_file_limit
from ui.server.guard import Guard, HostList
from ui.server.headers import Headers
from ui.server.health import HEALTH, READY, health_routes
from ui.server.logins import LoginGate, Logins
from ui.server.metrics import METRICS, metrics_route
from ui.server.own_pictures import OwnPictures
from ui.server.share import PortInUse, Serving, is_local, own_names, port_is_free, share_failure
from ui.server.studio import Studio
from ui.server.threads import Threads
from ui.server.upload_quota import UploadQuota

MAX_FILE = "32mb"
KEY_FILE, SESSIONS_FILE = "keys/signing.key", "keys/sessions.json"
# What the login page needs; `/config` asks for the login itself, and the last two for another.
OPEN_TO_ALL = (
    "/",
    "/login",
    "/config",
    "/scripts",
    "/favicon.ico",
    "/theme.css",
    "/robots.txt",
    "/manifest.json",
    "/assets/",
    "/static/",
    "/gradio_api/app_id",
    "/gradio_api/login_check",
    "/gradio_api/startup-events",
    "/gradio_api/theme.css",
    "/gradio_api/user",
    "/sdapi/",
    "/controlnet/",
    "/v1/",
    HEALTH,
    READY,
    METRICS,
    "/mcp",
)


@dataclass
class Notice:
    """A sentence for every visitor that is only known after the start."""

    text: str = ""


@dataclass(frozen=True)
class Page:
    """The built page.

    Attributes:
        blocks: Gradio's side of it.
        studio: What it talks to.
        desks: Make requests of what the tabs send, by mode.
        script: What the page's browser runs.
        notice: Shown to every visitor when not empty.
    """

    blocks: gr.Blocks
    studio: Studio
    desks: Mapping[str, Desk]
    script: Script
    notice: Notice = field(default_factory=Notice)


@made_at_launch()
def build(studio: Studio) -> Page:
    """Builds the page: header, one tab a mode, the gallery, and the endpoints for scripts."""
    notice = Notice()
    with gr.Blocks(
        title="Latent Loom", analytics_enabled=False, delete_cache=(60, 3600), fill_width=True
    ) as blocks:
        blocks.queue(api_open=False, default_concurrency_limit=None)
        top = header(studio)
        panel = PresetPanel(studio)
        gallery = history_gallery()
        check = check_panel(studio)
        spaces: list[Workspace] = []
        shown_mode = gr.State(TABS[0].mode)
        with gr.Tabs(elem_classes="loom-tabs") as bar:
            tabs = TabBar(bar, shown_mode)
            for tab in TABS:
                form = Form(tab.mode, studio.engine)
                form.adopt(control_for(form.settings, "model"), top.model)
                targets = [
                    {"mode": place, "title": title}
                    for other in TABS
                    for place, _, title in other.places
                ]
                with gr.Tab(tab.title, id=tab.mode) as shown:
                    spaces.append(Workspace(tab, studio, form, targets))
                tabs.follow(shown, tab.mode)
            lab_tab(top.model)
        gr.HTML(LINK)
        for space in spaces:
            space.connect(blocks)
        remember(blocks, spaces)
        connect_model(top.model, spaces, top.notices)
        connect_lists(blocks, top, spaces)
        connect_sends(studio, [gallery, top.notices], tabs, spaces)
        panel.connect(blocks, top, spaces, tabs, lambda: notice.text)
        filler = Filler(studio, top, spaces, tabs)
        connect_records(studio, top, gallery, filler)
        connect_links(studio, blocks, top, panel, filler, spaces, tabs)
        connect_verify(check, spaces)
    answer_at_once(blocks)
    scripts_page(blocks, studio, [*(tab.mode for tab in TABS), XyzGridSettings.mode])
    desks = {space.tab.mode: space for space in spaces}
    return Page(blocks, studio, desks, bundle(STATIC, COMPAT), notice)


def serve(
    page: Page, plan: Serving, *, quiet: bool = True, uploads_mb: int = 512, probed: bool = False
) -> tuple[str, str | None]:
    """Starts the server in the background.

    Args:
        page: As `build` made it.
        plan: How to serve it.
        quiet: Whether Gradio prints nothing.
        uploads_mb: What one person may have uploaded at once.
        probed: Also tell at /loom/probe how much Gradio keeps.

    Returns:
        The local address, and the share link where one was wanted and came about.

    Raises:
        PortInUse: Something else answers there.
    """
    make_no_requests()
    remove_cut_uploads()
    describe_nothing_twice()
    bound_sockets(SocketLimits.within(raise_file_limit()))
    data = page.studio.data
    key = secret_key(data / KEY_FILE)
    logins = Logins(key)
    doors = Doors(plan.auth, None if plan.auth_file is None else Accounts(plan.auth_file))
    sessions, audit = Sessions(data / SESSIONS_FILE, doors.epoch), Audit(data / AUDIT_FILE)
    plain_errors(page.blocks, sentence, lambda who, did: audit.note(who, did))
    hosts = HostList(*own_names(plan.host), addresses=not is_local(plan.host))
    # Zipped, the page is a seventh; pictures and event streams stay as they are.
    studio, engine = page.studio, page.studio.engine
    foreign = [folder.resolve() for folder in studio.storage.foreign]
    shown = [studio.outputs, *foreign]
    middleware = [
        Middleware(Threads),
        Middleware(Headers),
        Middleware(Guard, hosts=hosts),
        Middleware(LoginGate, logins=logins),
        Middleware(Bodies),
        Middleware(
            SignedIn,
            open_to_all=(*OPEN_TO_ALL, f"{PREFIX}/{page.script.name}", INVITATIONS),
            role=doors.role,
            named=doors.owner,
        ),
        Middleware(OwnPictures, studio.history, studio.outputs, foreign, private=studio.private),
        Middleware(Joins),
        Middleware(UploadQuota, a_person=uploads_mb * 2**20),
        Middleware(GZipMiddleware, minimum_size=4096, compresslevel=5),
        Middleware(EarlyScript, src=f".{PREFIX}/{page.script.name}"),
        Middleware(QuickEvents),
    ]
    for_everybody, for_owners = invitation_routes(doors, audit)
    further = [
        *history_routes(studio.history, studio.storage, private=studio.private),
        *verify_routes(studio, page.desks),
        *portrait_routes(engine),
        *word_routes(),
        *training_routes(engine, audit),
        *lora_tool_routes(engine, page.desks),
        *lab_routes(studio, page.script),
        *people_routes(engine, studio.history, doors, sessions, audit),
        *for_owners,
    ]
    if probed:
        further.append(Route("/probe", probe))
    routes = [
        *for_everybody,
        *job_routes(engine, page.desks, page.script, further, audit, key),
    ]
    app_options: dict[str, Any] = {
        "middleware": middleware,
        "openapi_url": None,
        "exception_handlers": {TypeError: unknown_field},
        "routes": routes,
    }
    routes += health_routes(engine)
    if plan.metrics_key:
        routes.append(metrics_route(engine, plan.metrics_key))
    if plan.mcp:
        from ui.mcp.server import Door  # its package is there only where it is asked for

        routes.append(Route("/mcp", Access(Door(engine), doors, logins, tunnel=plan.share)))
    if plan.api:
        routes += [
            Mount(
                "/sdapi/v1",
                Access(sdapi(page.studio, key, audit), doors, logins, tunnel=plan.share),
            ),
            Mount("/controlnet", Access(controlnet(page.studio), doors, logins)),
            files(engine, links := Links(key)),
            Mount(
                "/v1",
                Access(openai(engine, links), doors, logins, tunnel=plan.share, shape=unauthorized),
            ),
        ]
    if not port_is_free(plan.host, plan.port):
        raise PortInUse(f"Port {plan.port} is in use; choose another with --port.")
    if plan.share:
        run_known_helpers_only()
    _, local_url, share_url = page.blocks.launch(
        server_name=plan.host,
        server_port=plan.port,
        share=plan.share,
        auth=cast("Any", doors.check) if doors.asks else None,
        inbrowser=plan.open_browser,
        prevent_thread_lock=True,
        quiet=quiet,
        show_error=False,
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        mcp_server=False,
        pwa=False,
        ssr_mode=False,
        favicon_path=STATIC / "favicon.png",
        state_session_capacity=64,
        max_threads=MAX_EVENTS,  # events that run; page actions do not wait behind scripts' jobs
        max_file_size=MAX_FILE,
        allowed_paths=[str(folder) for folder in shown],
        theme=theme(),
        css=css(),
        app_kwargs=app_options,
    )
    keep_sessions(page.blocks, sessions, hashlib.blake2b(key, digest_size=12).hexdigest())
    serve_own_files(page.blocks)
    if share_url:
        hosts.allow(share_url.split("//", 1)[-1].split("/", 1)[0])
    page.notice.text = share_failure(plan, share_url)
    return local_url, share_url
