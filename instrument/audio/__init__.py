"""Hearing: sound in, log-mel, what sounds and how loud. numpy only; imports nothing that draws or sends."""
