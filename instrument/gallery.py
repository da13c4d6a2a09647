"""Contact sheets, as small JPEGs: every preset and every class at a few moments, rendered offline; a minute of real
recordings around each change; and one dream several times over, to see what a precision or what learning does to it.
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .audio.demo import EVENTS, event
from .audio.demo import RATE as DEMO_RATE
from .audio.files import Sound
from .film import BEFORE
from .offline import LAPTOP, Hearing, Offline, opening, script
from .params import DEFAULTS

SIZE, TILE = (640, 360), (320, 180)  # px, rendered and shown
TIMES = (1.0, 2.5, 5.0)  # s
FPS = 12
DREAMS = 6.0  # a second: what a laptop holds
ROWS = 7  # of one sheet
MARGIN, CAPTION = 6, 22  # px
MINUTE, EACH = 12, 5.0  # recordings that follow each other, s of each
AROUND = (-0.1, 0.7, 1.2, 2.0, 4.4)  # s before and after a change that are shown
WIDE = (1024, 576)  # px of a minute, which is to be seen as on stage
LARGEST = 400_000  # bytes of one file
SOUNDS = ("dog_bark", "car_horn", "siren", "street_music")  # of the dreams that are compared
STEPS = (12, 40)  # after which they are shown
STRONG = {"dream.size": 192.0, "dream.step": 0.03}  # what differs should show: less of the class picture, and no chance
LOOKS = {"precisions": {**STRONG, "dream.layer": 3.6, "dream.return": 0.1, "dream.wander": 0.0},
         "networks": {**STRONG, "dream.return": 0.0, "dream.wander": 0.0}}


def gallery(model, presets, folder, seed=1, sound="dog_bark", times=TIMES, size=SIZE, sheets=("presets", "classes")):
    """Write sheets of all `presets` (hearing `sound`) and of all classes (first preset); yields each path."""
    sound = sound if sound in model.classes else model.classes[0]
    with Offline(model, size, sight=LAPTOP) as offline:
        if "presets" in sheets:
            rows = [(f"{number}  {preset.title}: {preset.note}", moments(offline, preset.values, sound, seed, times))
                    for number, preset in enumerate(presets, 1)]
            yield from save_sheets(rows, Path(folder), "presets")
        if "classes" in sheets:
            rows = [(name.replace("_", " "), moments(offline, presets[0].values, name, seed, times))
                    for name in model.classes]
            yield from save_sheets(rows, Path(folder), "classes")


def minute(model, data, folder, seed=1, each=EACH, around=AROUND, size=WIDE):
    """Write sheets of a minute of the recordings in `data`, a folder of labelled clips: another class of `model` every `each`
    seconds, as `hearsee render` would have it with the defaults; a row for each change. Yields their paths.

    ValueError where fewer than two of the classes have clips there.
    """
    names, sound = _minute(model.classes, data, seed, each)
    moments = {(change, more): round((change * each + more) * FPS) for change in range(1, len(names)) for more in around}
    with Offline(model, size) as offline:
        shown = _shown(offline, model, sound, seed, set(moments.values()))
    rows = [(f"{names[change - 1]}, then {names[change]}".replace("_", " "), [shown[moments[change, more]] for more in around])
            for change in range(1, len(names))]
    yield from save_sheets(rows, Path(folder), "minute")


def _minute(classes, data, seed, each):
    """(names, Sound) of recordings one after the other, each over and over for its time: every class in turn, no two alike."""
    from .audio.frontend import FrontEnd
    from .learn.dataset import find_clips, read, repeat_to

    chance, clips = np.random.default_rng(seed), {}
    for clip in find_clips(data, classes):
        clips.setdefault(clip.label, []).append(clip)
    there = [name for name in classes if name in clips]
    if len(there) < 2:
        raise ValueError(f"--data {data} has clips of {', '.join(there) or 'none'} of {', '.join(classes)}: give clips of two at least")
    order = list(chance.permutation(there))
    names = [str(order[number % len(order)]) for number in range(MINUTE)]
    rate = FrontEnd().rate
    count = round(each * rate)
    samples = [repeat_to(read(clips[name][chance.integers(len(clips[name]))]), count)[:count, None] for name in names]
    return names, Sound(Path("minute"), rate, 1, lambda: iter(samples))


def _shown(offline, model, sound, seed, wanted):
    """{number: frame} of the `wanted` frames of a film of a sound."""
    hearing = Hearing(sound, model)
    with offline.take({}, hearing.features, seed, look=hearing.look, idle=model.classes, weights=opening(sound, model),
                      before=BEFORE) as take:
        drawn = ((number, take.draw(number / FPS)) for number in range(max(wanted) + 1))
        return {number: take.shot() for number, _ in drawn if number in wanted}


def comparison(model, kind, folder, starts=(), steps=STEPS, sounds=SOUNDS):
    """Write a sheet of `kind`: the same dreams in every "precisions" that this machine is quick in, or by several
    "networks": runs, model folders, "none" for random weights. Yields its path."""
    fits = _precisions(model) if kind == "precisions" else _networks(model, starts)
    known = [name for name in sounds if name in model.classes] or model.classes[:1]
    rows = [(caption, [frame for name in known for frame in _dreams(dreamer(), name, LOOKS[kind], steps)])
            for caption, dreamer in fits.items()]
    yield from save_sheets(rows, Path(folder), kind)


def _precisions(model):
    from .dream.dreamer import Dreamer
    from .dream.precision import exact, lowered, quick_precisions, shown
    from .eyes import best_device, read_pictures
    from .model.zoo import open_eye

    pictures, device = read_pictures(model), best_device()

    def made(precision):
        lower = lambda eye, *_: lowered(eye.to(device), precision, shown(pictures, device))
        return lambda: Dreamer(open_eye(None, model), pictures, device, fit=lower if precision else exact)

    return {"float32": made(None)} | {str(each).removeprefix("torch."): made(each) for each in quick_precisions(device)[::-1]}


def _networks(model, starts):
    from .dream.dreamer import Dreamer
    from .eyes import best_device, read_pictures
    from .learn.start import begin
    from .model.eye import hearsee_eye

    pictures, classes = read_pictures(model), model.classes

    def made(start):
        net = begin("" if start == "none" else start, len(classes)).eval()
        return lambda: Dreamer(hearsee_eye(net, classes), pictures, best_device())

    return {_senses(start): made(start) for start in starts}


def _senses(start):
    """Where weights are from and, of a model, their hash and how many of the demo's sounds the very same weights tell."""
    from .model.card import load_model

    if not (Path(start) / "card.json").exists():
        return f"weights: {start}"
    model = load_model(start)
    told = sum(_top(model, name) == name for name in EVENTS if name in model.classes)
    return f"weights: {start} ({model.weights_hash}), which hear {told} of the {len(EVENTS)} sounds of the demo"


def _top(model, name):
    """The class that a model hears in a whole sound of the demo."""
    from .learn.evaluate import WHOLE, from_file

    shares = from_file(model, event(name), DEMO_RATE, WHOLE)
    return model.classes[int(np.nanmean(shares, 0)[:-1].argmax())]


def _dreams(dreamer, name, look, steps):
    """The pictures of a dream of the class `name` after so many `steps`, without effects."""
    from .dream.dreamer import Scene
    from .dream.loop import rgba

    dream = None
    for number in range(max(steps) + 1):
        dream = dreamer.step(dream, Scene({**DEFAULTS, **look}, {name: 0.9}, number / FPS))
        if number in steps:
            yield rgba(dream.picture).cpu().numpy()[..., :3]


def moments(offline, values, sound, seed, times=TIMES):
    """The frames at `times` (s) of a take that hears the class `sound`."""
    wanted, kept = {round(time * FPS) for time in times}, []
    values = {**values, "dream.rate": DREAMS}
    frames = offline.render(values, (max(wanted) + 1) / FPS, FPS, script({sound: 0.9}), seed)
    for number, frame in enumerate(frames):
        if number in wanted:
            kept.append(frame)
    return kept


def save_sheets(rows, folder, name):
    """Write rows [(caption, frames)] as `name`-1.jpg and so on; yields each path."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, start in enumerate(range(0, len(rows), ROWS), 1):
        path = folder / f"{name}-{number}.jpg"
        save_small(sheet(rows[start:start + ROWS]), path)
        yield path


def sheet(rows, tile=TILE):
    """Rows [(caption, frames uint8 (h, w, 3))] as one picture."""
    columns = max(len(frames) for _, frames in rows)
    step = tile[1] + CAPTION + MARGIN
    picture = Image.new("RGB", (columns * (tile[0] + MARGIN) + MARGIN, len(rows) * step + MARGIN), (16, 16, 18))
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(14)
    for row, (caption, frames) in enumerate(rows):
        top = row * step + MARGIN
        pen.text((MARGIN, top), caption, (225, 225, 220), font)
        for column, frame in enumerate(frames):
            small = Image.fromarray(np.asarray(frame)).resize(tile, Image.Resampling.LANCZOS)
            picture.paste(small, (MARGIN + column * (tile[0] + MARGIN), top + CAPTION - 2))
    return picture


def save_small(picture, path, most=LARGEST):
    """Write a JPEG of at most `most` bytes, as good as fits."""
    for quality in range(92, 20, -4):
        picture.save(path, quality=quality, optimize=True, subsampling=2, progressive=True)
        if Path(path).stat().st_size <= most:
            return
