"""`perform`, `render` and `listen`: what plays. Their flags, and who runs them; parameters come from the table."""

import os

from ..params import BY_NAME, EAR, PARAMS, SHOW, TOUCHDESIGNER
from .flags import fields_given, model_flag, port_flags, row_flags, row_values, sound_flags
from .legal import address, output, port, port_before_another, positive, said_by, size, video, whole, within


def perform_flags(command):
    sound_flags(command)
    _picture_flags(command.add_argument_group("picture"))
    _dream_flags(command.add_argument_group("dream"))
    _desk_flags(command.add_argument_group("desk"))
    row_flags(command, "start values of the table (see `hearsee params`)")


def _picture_flags(group):
    group.add_argument("--headless", action="store_true", help="no window (as where there is no screen); unless it sends (--send), is "
                       "fed (--no-listen), plays a file or is given --seconds, it ends after 20 s")
    group.add_argument("--seconds", type=positive, help="end after this time")
    group.add_argument("--size", type=size, metavar="WxH", help="picture size (window 1280x720, headless 640x360); the monitor "
                       "that --monitor names is switched to it")
    group.add_argument("--fps", type=within(1, 240), help="frames a second (window: as the monitor, headless: 30)")
    group.add_argument("--monitor", metavar="NAME", help="full screen on this monitor (see `hearsee devices`)")
    group.add_argument("--no-hud", action="store_true", help="begin without the HUD")
    group.add_argument("--hud-window", action="store_true", help="the HUD in a window of its own, with a preview; "
                       "with --monitor on another monitor")
    group.add_argument("--record", type=video, metavar="FILE", help="write a video with sound (.mp4 or .mkv); "
                       "where a file has that name it stays, and the video gets the next number")
    group.add_argument("--send", action="append", type=output, metavar="ndi|spout|syphon[:NAME]", help="give the "
                       "picture to other programs, under this name; repeat for more (see `hearsee devices`)")


def _dream_flags(group):
    group.add_argument("--network", metavar="NAME|FILE", help="dream another network: a torchvision classifier, "
                       "or a BVLC GoogLeNet file")
    group.add_argument("--pictures", metavar="FOLDER", help="dream of your own pictures: CLASS.jpg there is taken in the place of "
                       "the model's")
    group.add_argument("--dream-threads", type=whole(1, os.cpu_count() or 1), metavar="N",
                       help="threads of the dream on the CPU (default: one for each core but one)")
    group.add_argument("--dream", choices=("live", "prerendered"), help="prerendered: play the loops that "
                       "`hearsee prerender` made, for machines too weak to dream")
    group.add_argument("--frames", metavar="FOLDER", help="folder of these loops (default out/loops); with it "
                       "--dream is prerendered")


def _desk_flags(group):
    group.add_argument("--preset", metavar="NAME|N", help="begin with this preset; last: with the look that the last show "
                       "ended with, also by a crash")
    group.add_argument("--presets", metavar="FOLDER", help="your presets, and where S saves; made when it is "
                       "not there (default: .hearsee/presets in your home folder)")
    group.add_argument("--shaders", metavar="FOLDER", help="your copy of shaders/; edits take effect at once")
    group.add_argument("--midi-api", metavar="NAME", help="rtmidi backend, such as UNIX_JACK")
    port_flags(group, SHOW, port_before_another)
    group.add_argument("--no-listen", action="store_true", help="only receive: another `hearsee listen` sends")
    group.add_argument("--target", action="append", type=address, metavar="HOST:PORT",
                       help=f"`listen` also sends here; default 127.0.0.1:{TOUCHDESIGNER} (TouchDesigner)")


def run_perform(options):
    from ..options import PerformOptions
    from ..perform import perform

    options.dream = _dream(options)
    _check_ears(options)
    return perform(PerformOptions(**fields_given(options, PerformOptions), values=row_values(options)))


def _check_ears(options):
    """What belongs to the `listen` of one's own is refused where there is none."""
    given = [flag for flag, value in (("--audio", options.audio), ("--channels", options.channels), ("--target", options.target),
                                       ("--loop", options.loop)) if value]
    given += [BY_NAME[name].flag for name in row_values(options) if BY_NAME[name].group == "hear"]
    if options.no_listen and given:
        raise ValueError(f"--no-listen hears nothing itself: leave out {', '.join(given)}, or give that to the `hearsee listen` "
                         "that sends here")


def _dream(options):
    """live, prerendered or None (not said); whoever names a folder of loops wants them played."""
    if options.frames and options.dream == "live":
        raise ValueError(f"--dream live plays no loops: leave out --frames {options.frames}, or --dream live")
    found = "prerendered" if options.frames else options.dream
    if options.pictures and found == "prerendered":
        raise ValueError(f"loops made beforehand show their own pictures: leave out --pictures {options.pictures}, or dream live")
    if options.network and found == "prerendered":
        raise ValueError(f"loops made beforehand show the network that made them: leave out --network {options.network}, or dream "
                         "live")
    return found


def render_flags(command):
    command.add_argument("sound", metavar="SOUND", help="sound file, or a video with sound")
    command.add_argument("--out", type=video, metavar="FILE", help="write this video, .mp4 or .mkv (default out/ and the name of the "
                         "sound); where that name is in use, a number is added to it")
    command.add_argument("--size", type=size, metavar="WxH", help="picture size (default 1920x1080)")
    command.add_argument("--fps", type=within(1, 240), help="frames a second (default 30)")
    command.add_argument("--seconds", type=positive, metavar="S", help="only the beginning of the sound")
    command.add_argument("--preset", metavar="NAME|N", help="look like this preset")
    command.add_argument("--presets", metavar="FOLDER", help="your presets (default: .hearsee/presets in your home folder)")
    command.add_argument("--shaders", metavar="FOLDER", help="your copy of shaders/")
    model_flag(command)
    command.add_argument("--network", metavar="NAME|FILE", help="dream another network (see `perform --network`)")
    command.add_argument("--pictures", metavar="FOLDER", help="dream of your own pictures (see `perform --pictures`)")
    command.add_argument("--seed", dest="dream.seed", type=said_by(BY_NAME["dream.seed"].parse), metavar="N",
                         help="short for --dream-seed")
    row_flags(command, "values of the table (see `hearsee params`), over those of the preset")


def run_render(options):
    from ..film import FilmOptions, film

    return film(FilmOptions(**fields_given(options, FilmOptions), values=row_values(options)))


def listen_flags(command):
    sound_flags(command)
    command.add_argument("--target", action="append", type=address, metavar="HOST:PORT",
                         help=f"send here (repeat for more); default 127.0.0.1:{TOUCHDESIGNER} and 127.0.0.1:{SHOW}")
    port_flags(command, EAR, port)
    command.add_argument("--json", action="store_true", help="print one JSON line per decision")
    command.add_argument("--wek", action="store_true", help="also send /wek/outputs (Wekinator's convention)")
    command.add_argument("--ring", metavar="NAME", help="share the samples under this name")
    command.add_argument("--eager", action="store_true", help="do not let a file wait for the network")
    command.add_argument("--taught", metavar="FOLDER", help="keep classes taught here; go on from it if it is there "
                         "(default: a new folder in .hearsee/models of your home folder)")
    command.add_argument("--parent", type=whole(1), metavar="PID", help="end when this process is gone")
    command.add_argument("--steered", type=port, metavar="PORT", help="take the hear. rows only from whoever sends from this port: "
                         "a show says so to its own `listen`")
    row_flags(command, "start values of the table; OSC turns them too", [row for row in PARAMS if row.group == "hear"])


def run_listen(options):
    from .. import listen
    from ..options import ListenOptions

    return listen.run(ListenOptions(**fields_given(options, ListenOptions), values=row_values(options)))
