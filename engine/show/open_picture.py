"""Puts the model, the passes and what keeps the pace together to a picture."""

from __future__ import annotations

from engine.borders.errors import Trouble, UserError
from engine.borders.faults import Faults
from engine.borders.options import StageOptions
from engine.borders.params import Params
from engine.generator.warps.reach import reached
from engine.latent.crossing import Crossing
from engine.show.atelier import Atelier
from engine.show.inbox import Inbox
from engine.show.interpolation import Interpolation
from engine.show.latch import Latch
from engine.show.open_background import drawn_passes, open_footage
from engine.show.open_style import open_look
from engine.show.opening import find_model, make_path
from engine.show.operator_view import OperatorView
from engine.show.parts import Parts
from engine.show.picture import Picture
from engine.show.projector import Projector
from engine.show.render_size import RenderSize, budget
from engine.stage.desktop.overlay import Overlay
from engine.stage.operator.notices import Notices
from engine.stage.passes.compositor import Compositor
from engine.stage.passes.guard import GUARD_WARNING
from engine.system import user_folders
from engine.system.telemetry import Telemetry


def open_picture(parts: Parts, latch: Latch) -> Picture:
    """Return the picture of a show, drawn nowhere yet; UserError for a pass that is not there or is broken.

    Where somebody waits for every picture (the meter has a period) faults cost a line and not the show, a governor
    may choose the size, and pictures in between may fill the display's rate.
    """
    options, meter, notify = parts.options, parts.meter, parts.notices.post
    shaders = () if options.shaders is None else (options.shaders,)
    faults = Faults(notify, on_stage=meter.period is not None)
    compositor = Compositor(
        parts.window,
        drawn_passes(parts.preset),
        shaders,
        notify,
        options.flash_guard,
        faults,
        fit=float(options.fit == "crop"),
        layer=options.alpha,
    )
    seconds, interpolation = None, None
    if meter.period is not None and parts.stage is not None:
        if parts.stage.governor:
            seconds = budget(meter.period, options.fps is not None, parts.model.device.type != "cpu")
        if parts.stage.interpolation is not False:
            have_come = None if parts.arrivals is None else parts.arrivals.have_come
            interpolation = Interpolation(meter.period, bool(parts.stage.interpolation), have_come)
            parts.stack.callback(interpolation.close)
    from engine.stage.matte.stage import Matte  # these load torch, which a refused checkpoint does not wait for
    from engine.stage.style.stage import StyleStage

    style = StyleStage()
    style.take(open_look(parts.preset, parts.model), 0.0)
    footage = open_footage(parts.preset, parts.film, parts.video)
    compositor.see(parts.video)
    sizes = RenderSize(parts.model, meter, notify, seconds, style)
    picture = Picture(
        parts.window,
        parts.model,
        parts.preset,
        compositor,
        meter,
        sizes,
        style,
        Matte(float(options.alpha), parts.model.device.type == "cpu"),
        faults,
        notify,
        interpolation,
        parts.bus,
        latch,
        None if parts.corners is None else parts.corners.values,
    )
    picture.put_behind(footage)
    parts.stack.callback(picture.put_behind, None)
    return picture


def travelled(parts: Parts) -> Crossing:
    """Return the path that the show travels: the preset's, and in a morph the one before it as well."""
    path = make_path(parts.options, parts.preset, parts.model)
    return Crossing(path, parts.desk.coming)


def first_picture(parts: Parts, picture: Picture) -> None:
    """Paint once, unseen."""
    parts.model.reach(reached(parts.preset, parts.desk.table))
    picture.warm(Params(parts.preset.params, parts.desk.table))  # what is captured for these is what plays
    picture.sizes.prepare()


def open_atelier(parts: Parts, picture: Picture, path: Crossing) -> Atelier | None:
    """Return what lets pictures join the show; None where none can come: no window to drop one on, and no inbox."""
    stage = parts.stage
    if stage is None or not parts.attended or (parts.window.wall is None and stage.inbox is None):
        return None
    if stage.inbox is not None and not stage.inbox.is_dir():
        raise UserError(f"--inbox {stage.inbox}: there is no such folder: make it, or name another")
    projector = Projector(user_folders.data("kept"), parts.notices.post)
    parts.stack.callback(projector.close)
    inbox = None if stage.inbox is None else Inbox(stage.inbox, parts.notices.post)
    if inbox is not None:
        parts.stack.callback(inbox.close)

    def playing() -> str:
        return str(find_model(stage.model or picture.preset.model).absolute())

    return Atelier(
        projector,
        parts.window,
        path,
        lambda: picture.model,
        playing,
        parts.notices.post,
        stage.assume,
        inbox,
        parts.log,
    )


def open_view(parts: Parts, picture: Picture, atelier: Atelier | None = None) -> OperatorView:
    """Return what the performer sees; UserError when an operator's window is asked for and cannot be had."""
    view = OperatorView(
        parts.window,
        parts.meter,
        parts.desk,
        parts.notices,
        parts.hands,
        parts.setlist,
        parts.bus,
        picture.states,
        picture.faults,
        on_wall=parts.stage is not None and parts.stage.notices,
        song=parts.song,
        beside=tuple if atelier is None else atelier.states,
        portrait=None if atelier is None else atelier.portrait,
        doors=parts.doors,
        corners=parts.corners,
    )
    parts.stack.callback(view.close)
    if parts.stage is not None and parts.stage.operator is not None:
        _open_operator(view, parts.stage, parts.notices)
    if not parts.options.flash_guard:
        parts.notices.post(GUARD_WARNING)
    return view


def _open_operator(view: OperatorView, options: StageOptions, notices: Notices) -> None:
    """Open the operator's window; one that is remembered on an absent display costs a line."""
    from engine.stage.windows.displays import is_connected  # loads GLFW: not in a show without a window

    display = options.operator or ""
    if "operator" in options.recalled and display and not is_connected(display):
        notices.post(Trouble(f"the operator's window is remembered on {display}, which is not connected; O opens it"))
    else:
        view.open(display)


def open_overlay(parts: Parts, view: OperatorView, faults: Faults) -> Overlay:
    """Return what stands over the picture: the performer's lines and panel, and the desktop's terminals."""
    telemetry = Telemetry()
    parts.stack.callback(telemetry.close)
    return Overlay(telemetry.look, view.nothing if parts.film else view.lines, view.panel, faults)
