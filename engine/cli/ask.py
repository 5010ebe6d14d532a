"""``vj attributes MODEL ask NAME``: two pictures, two keys, and after forty answers a direction."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.borders.errors import UserError, nearest
from engine.cli.say import say
from engine.generator.attributes.asking import ENOUGH, Asking
from engine.generator.attributes.attribute import check_name
from engine.generator.attributes.side_file import Attributes

if TYPE_CHECKING:
    from engine.generator.networks.network import Network

UNCLEAR = 1.5  # standard deviations; of two pictures that are nearer the recogniser cannot say
POOL = 1500  # w that pairs are drawn from
SPREAD_OF = 64  # pictures that the recogniser is asked first: how different are they at all?
FEWEST = 10  # answers; with fewer nothing is kept
GAP = 16  # pixels between the two pictures
PATIENCE = 10  # times as many questions as answers; who cannot say so often is not asked any more
SHADE = 26  # grey of the ground
WINDOW = (1040, 520)  # screen coordinates
LEFT, RIGHT, UNDO, SKIP, END = "left", "right", "undo", "skip", "end"
KEYS = {"LEFT": LEFT, "1": LEFT, "RIGHT": RIGHT, "2": RIGHT, "BACKSPACE": UNDO, "SPACE": SKIP, "ESCAPE": END}
LETTERS = {"1": LEFT, "2": RIGHT, "u": UNDO, "s": SKIP, "q": END, "": SKIP}

Picture = NDArray[np.uint8]
Answer = Callable[[int, int, str], str]  # two places in the pool and the question -> LEFT, RIGHT, UNDO, SKIP, END


def run(args: argparse.Namespace, path: Path, network: Network, attributes: Attributes) -> int:
    """Ask, and keep the direction of the answers; UserError where there were too few."""
    from engine.cli.attributes import keep
    from engine.generator.attributes.making import added, measured

    name = check_name(args.name, "ask")
    if name in attributes.each and not args.replace:
        raise UserError(f"ask {name}: the model has that attribute; take another name, or add --replace")
    ws = _pool(network, args.psi, args.seed)
    asking = Asking(ws[:, 0].astype(np.float64), args.seed)
    answer, close = _opened(args, network, ws)
    try:
        converse(asking, answer, name, args.answers)
    finally:
        close()
    count = len(asking.answers)
    if count < FEWEST:
        raise UserError(f"ask {name}: {count} answers are too few; give at least {FEWEST}, better {ENOUGH}")
    say(f"{name}: {count} answers, {asking.sureness:.0%} sure of a pair on average")
    made = measured(name, asking.normal, network, f"{count} answers")
    keep(path, added(attributes, made, args.replace), made)
    return 0


def converse(asking: Asking, answer: Answer, name: str, most: int) -> None:
    """Ask until there are ``most`` answers, or the person ends it."""
    for _ in range(PATIENCE * most):
        if len(asking.answers) >= most:
            return
        pair = asking.next()
        said = answer(*pair, f"{len(asking.answers) + 1} of {most}: which shows more {name.replace('_', ' ')}?")
        if said == END:
            return
        if said == UNDO:
            asking.undo()
        elif said in (LEFT, RIGHT):
            asking.tell(pair, said == LEFT)


def _pool(network: Network, psi: float, seed: int) -> NDArray[np.float32]:
    import torch

    z = np.random.RandomState(seed).randn(POOL, network.z_dim).astype(np.float32)
    with torch.inference_mode():
        parts = [network.map(part.to(network.device)) for part in torch.split(torch.from_numpy(z), 500)]
        return np.asarray(network.truncate(torch.cat(parts), psi).float().cpu().numpy())


def _opened(args: argparse.Namespace, network: Network, ws: NDArray[np.float32]) -> tuple[Answer, Callable[[], None]]:
    """Return who answers, and what closes it: the recogniser, a window, or the terminal."""
    if args.simulate is not None:
        return _recogniser(args.simulate, network, ws), lambda: None

    def picture(at: int) -> Picture:
        return _painted(network, ws[at])

    try:
        from engine.stage.windows.picture_window import PictureWindow

        window = PictureWindow(WINDOW)
    except (UserError, ImportError) as error:
        return _terminal(picture, str(error)), lambda: None
    say(f"which shows more {args.name.replace('_', ' ')}? left or right arrow: that picture; space: cannot say")
    say("backspace: undo; Esc: end")

    def by_window(first: int, second: int, question: str) -> str:
        return KEYS.get(window.ask(beside(picture(first), picture(second)), question), SKIP)

    return by_window, window.close


def beside(left: Picture, right: Picture) -> Picture:
    """Return two pictures [H, W, 3] side by side."""
    gap = np.full((left.shape[0], GAP, 3), SHADE, np.uint8)
    return np.concatenate((left, gap, right), axis=1)


def _painted(network: Network, ws: NDArray[np.float32]) -> Picture:
    """Return the picture [H, W, 3] of ws [num_ws, w_dim]."""
    import torch

    from engine.generator.backends.blocks import to_rgba

    with torch.inference_mode():
        image = network.synthesize(torch.from_numpy(ws)[None].to(network.device))[0].float().cpu()
    return np.asarray(to_rgba(image).numpy()[..., :3])


def _terminal(picture: Callable[[int], Picture], why: str) -> Answer:
    """Return a person at a terminal that shows pictures; UserError where it cannot."""
    from PIL import Image

    from engine.cli import terminal_pictures

    kind = terminal_pictures.kind_of(sys.stdout, os.environ)
    if kind == "none" or not sys.stdin.isatty():
        raise UserError(f"ask: there is no window ({why}), and this terminal shows no pictures")
    colours = terminal_pictures.colours_of(os.environ)

    def by_lines(first: int, second: int, question: str) -> str:
        for number, at in enumerate((first, second), 1):
            shown = Image.fromarray(picture(at))
            print(terminal_pictures.beside(shown, ["", f"{number}"], kind, colours), end="")
        try:
            typed = input(f"{question} 1 or 2, Enter: cannot say, u: undo, q: end > ")
        except EOFError:
            return END
        return LETTERS.get(typed.strip().lower(), SKIP)

    return by_lines


def _recogniser(attribute: str, network: Network, ws: NDArray[np.float32]) -> Answer:
    """Return the recogniser as the person who answers."""
    import torch

    from engine.generator.perceptual.names import ATTRIBUTES
    from engine.generator.perceptual.recogniser import shipped

    if attribute not in ATTRIBUTES:
        raise UserError(f"--simulate {attribute}: the recogniser knows no such thing; {nearest(attribute, ATTRIBUTES)}")
    place, recogniser = ATTRIBUTES.index(attribute), shipped()

    @torch.inference_mode()
    def told(places: list[int]) -> torch.Tensor:
        pictures = network.synthesize(torch.from_numpy(ws[places]).to(network.device)).float().cpu()
        return recogniser.recognise(pictures.expand(-1, 3, -1, -1)[:, :3]).attributes[:, place]

    spread = torch.cat([told([*range(at, at + 8)]) for at in range(0, SPREAD_OF, 8)]).std()

    def by_recogniser(first: int, second: int, _question: str) -> str:
        left, right = told([first, second])
        if bool((left - right).abs() < UNCLEAR * spread):
            return SKIP
        return LEFT if bool(left > right) else RIGHT

    return by_recogniser
