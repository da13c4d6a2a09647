"""Transformers made for pictures of one size, looking at pictures of any: vision transformers and MaxViT.

At the size they were made for they answer as torchvision has them. At others a vision transformer's positions are stretched
over the picture (bicubic, as Dosovitskiy et al. did to tune at a higher resolution: "An Image is Worth 16x16 Words", 2021),
and the windows of MaxViT (Tu et al., 2022) that reach over the border see its edge repeated.

A vision transformer has one token beside those of its places, which its answer is read from. An activation has a plane of
channels for it behind the others, the same all over the picture, so that whatever mixes planes of a picture can do so here.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F


class Patches(nn.Module):
    """From a picture (batch, 3, h, w) to an activation (batch, 2 * channels, h / patch, w / patch)."""

    def __init__(self, net):
        super().__init__()
        where = net.encoder.pos_embedding.detach()
        grid = math.isqrt(where.shape[1] - 1)
        self.patch, self.look = net.patch_size, net.conv_proj
        self.register_buffer("token", net.class_token[:, 0].detach() + where[:, 0])
        self.register_buffer("where", where[:, 1:].mT.unflatten(2, (grid, grid)))

    def forward(self, x):
        size = [max(1, round(edge / self.patch)) * self.patch for edge in x.shape[2:]]
        if size != list(x.shape[2:]):  # else up to a patch of its border would not be seen, and never dream
            x = F.interpolate(x, size, mode="bilinear")
        places = self.look(x)
        return _together(places + F.interpolate(self.where, places.shape[2:], mode="bicubic"), self.token)


class Attended(nn.Module):
    """Some layers of a vision transformer, from activation to activation."""

    def __init__(self, layers):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        tokens = self.layers(_tokens(x))
        return _together(tokens[:, 1:].mT.unflatten(2, x.shape[2:]), tokens[:, 0])


class TokenHead(nn.Module):
    """What a vision transformer answers."""

    def __init__(self, net):
        super().__init__()
        self.norm, self.answer, self.planes = net.encoder.ln, net.heads, net.hidden_dim

    def forward(self, x):
        return self.answer(self.norm(_tokens(x)[:, 0]))


def _together(places, token):
    """An activation of the places (batch, c, h, w) and a token (batch or 1, c). Of the token each place has as much as makes
    it weigh like one of them, however many they are."""
    share = token / math.sqrt(places[0, 0].numel())
    return torch.cat([places, share[:, :, None, None].expand_as(places)], 1)


def _tokens(x):
    """Of an activation: the token, then the places, (batch, 1 + h * w, c)."""
    places, share = x.chunk(2, 1)
    token = share.mean((2, 3)) * math.sqrt(share[0, 0].numel())
    return torch.cat([token[:, None], places.flatten(2).mT], 1)


class AnySize(nn.Module):
    """A layer of MaxViT that attends within windows, or from window to window, of a picture of any size."""

    def __init__(self, layer):
        super().__init__()
        self.attend, self.think = layer.attn_layer, layer.mlp_layer
        self.side = self.attend[1].size
        self.afar = layer.partition_type == "grid"

    def forward(self, x):
        high, wide = x.shape[2:]
        x = F.pad(x, (0, -wide % self.side, 0, -high % self.side), mode="replicate")
        parts = (self.side, -1) if self.afar else (-1, self.side)
        x = x.unflatten(3, parts).unflatten(2, parts)
        order = (0, 3, 5, 2, 4, 1) if self.afar else (0, 2, 4, 3, 5, 1)  # batch, windows, places of a window, channels
        x = self._attended(x.permute(order)).permute(tuple(torch.tensor(order).argsort().tolist()))
        return x.flatten(4, 5).flatten(2, 3)[:, :, :high, :wide]

    def _attended(self, x):
        tokens = x.flatten(3, 4).flatten(1, 2)
        tokens = tokens + self.attend(tokens)
        return (tokens + self.think(tokens)).reshape(x.shape)
