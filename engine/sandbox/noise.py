"""Random numbers of the generated market: the same on every machine, in whatever order they are asked for.

Each stream is a counter-based Philox generator: its key comes from (seed, name), its counter from the day, so
any day can be drawn without drawing the days before it. Only raw 64-bit words are taken from NumPy, whose
sequence is guaranteed, and only additions, multiplications, divisions and square roots are done with them:
IEEE 754 fixes the result of each to the last bit, which it does not for `exp`, `log` or a normal sampler.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
WordArray = npt.NDArray[np.uint64]

# A sum of four independent uniform 16-bit integers: its mean, and the square root of its variance.
_SUM_MEAN = 4 * 65535 / 2
_SUM_STD = (4 * (65536.0**2 - 1) / 12) ** 0.5


class Stream:
    """A named stream of random words of one seed, addressed by day.

    Parameters
    ----------
    seed : int
        Seed of the market.
    name : str
        Name of the stream; two names give independent streams.
    """

    def __init__(self, seed: int, name: str) -> None:
        digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
        self._key = np.array(
            [int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:16], "little")], dtype=np.uint64
        )

    def words(self, day: int, count: int) -> WordArray:
        """Return `count` words of `day` (0 or later), each uniform over 64 bits."""
        counter = np.array([0, 0, day, 0], dtype=np.uint64)
        raw: WordArray = np.random.Philox(key=self._key, counter=counter).random_raw(count)
        return raw


def normals(words: WordArray) -> FloatArray:
    """Return one nearly normal number per word: mean 0, variance 1, within 3.47 of 0.

    The sum of the word's four 16-bit quarters, standardised (an Irwin-Hall sum of four). The tails it lacks
    come from changing volatility and from jumps.
    """
    every_second_quarter = np.uint64(0x0000FFFF0000FFFF)
    halves = (words & every_second_quarter) + ((words >> np.uint64(16)) & every_second_quarter)
    total = (halves & np.uint64(0xFFFFFFFF)) + (halves >> np.uint64(32))
    return (total.astype(np.float64) - _SUM_MEAN) / _SUM_STD


def uniforms(words: WordArray) -> FloatArray:
    """Return one number in [0, 1) per word, from its upper 53 bits."""
    return (words >> np.uint64(11)).astype(np.float64) * 2.0**-53


def uniform_pairs(words: WordArray) -> tuple[FloatArray, FloatArray]:
    """Return two independent numbers in [0, 1) per word, from its upper and lower half."""
    upper = (words >> np.uint64(32)).astype(np.float64) * 2.0**-32
    lower = (words & np.uint64(0xFFFFFFFF)).astype(np.float64) * 2.0**-32
    return upper, lower


def exponential(exponent: FloatArray) -> FloatArray:
    """Return about e to the power of each exponent, for exponents within about 2 of 0.

    (1 + x/16) to the 16th by repeated squaring: always the same to the bit, always positive above -16.
    """
    power = 1.0 + exponent / 16.0
    for _ in range(4):
        power = power * power
    return power
