"""The network that `listen` hears with. torch is imported when one is loaded: the sound does not wait for that."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from .audio.engine import DECISION
from .audio.frontend import FrontEnd, log_mel
from .files import brought_back


class Network(NamedTuple):
    """What `load` gives: `hear` answers windows with logits of `classes`; a `pupil` learns more classes.

    `every()`: seconds from one decision to the next. `note`: with which weights it hears, and where, if there was a choice.
    `front_end` makes its windows.
    """

    hear: object
    classes: tuple
    pupil: object = None
    every: object = lambda: DECISION
    note: str = ""
    front_end: FrontEnd = FrontEnd()


def load_network(folder=None, taught=None, device="cpu"):
    """The Network of a model folder, warmed up; ValueError in one line when it or the device is missing or damaged.

    `taught`: where its pupil saves; a model that is already there is gone on with. `device`: of model/ear.py.
    """
    import torch

    torch.set_num_threads(1)  # hearing needs no more, and the dream wants the other cores
    from .learn.teach import Pupil, own_folder
    from .model.card import DEFAULT, load_model

    folder = folder or DEFAULT
    if taught and (brought_back(Path(taught)) / "card.json").exists():
        folder = taught
    model = load_model(folder)
    note = "; ".join(filter(None, (f"hears with {model.label}", model.open_ear(device))))
    model.hear(log_mel(np.zeros(model.front_end.rate), model.front_end))
    pupil = Pupil(model, Path(taught) if taught else own_folder(model))
    every = lambda: DECISION if model.device == "cpu" else DECISION / 2  # also after a GPU has failed
    return Network(*pupil.heard(), pupil, every, note, model.front_end)
