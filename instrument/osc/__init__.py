"""OSC: what `listen` publishes and what every part accepts, with addresses made from the two tables."""

from .receiver import Receiver
from .remote import Remote
from .sender import Sender

__all__ = ["Receiver", "Remote", "Sender"]
