"""The helpers of the tests themselves."""

import socket

from helpers import LOCAL, port_pair, udp


def test_a_port_and_the_next_one_are_free_and_another_test_gets_others():
    port = port_pair()
    with udp() as one, udp() as neighbour:
        one.bind((LOCAL, port))
        neighbour.bind((LOCAL, port + 1))
        assert not {port - 1, port, port + 1} & {port_pair() for _ in range(50)}


def test_a_port_whose_neighbour_is_taken_is_not_given(monkeypatch):
    good, bad = port_pair(), port_pair()
    offers = iter([bad, good])

    class Offered(socket.socket):
        def bind(self, address):
            super().bind((address[0], address[1] or next(offers)))

    with udp() as taken:
        taken.bind((LOCAL, bad + 1))
        monkeypatch.setattr("instrument.bench.hear.socket", Offered)
        assert port_pair() == good
