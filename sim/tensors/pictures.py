"""Pictures as inputs: a photograph or handwritten digits, cut and scaled to the layer's images.

photograph    the largest centred part of the picture that has the shape of the batch's mosaic, scaled down to it
              (bilinear, by Pillow); image n is tile n, so the mosaic of the images is the picture again::

                  N = 4      +---+---+
                             | 0 | 1 |
                             +---+---+
                             | 2 | 3 |
                             +---+---+

digits        image n is number ``seed + n`` of scikit-learn's 1797 digits, enlarged from 8 x 8 (bilinear, by Pillow).
"""

import math

import numpy as np
from PIL import Image

from convstream.fixedpoint.formats import Format
from convstream.reference.geometry import Geometry


def photograph(name: str, geometry: Geometry) -> np.ndarray:
    """Tiles of scikit-learn's photograph `name`: uint8 (N,C,H,W); brightness for C = 1; red, green, blue for C = 3."""
    from sklearn.datasets import load_sample_image  # takes a second to import

    picture = Image.fromarray(load_sample_image(f"{name}.jpg")).convert("L" if geometry.in_channels == 1 else "RGB")
    rows, columns = mosaic_shape(geometry.batch)
    height, width = rows * geometry.rows.size, columns * geometry.columns.size
    scale = min(picture.height / height, picture.width / width)
    top, left = (picture.height - scale * height) / 2, (picture.width - scale * width) / 2
    box = (left, top, left + scale * width, top + scale * height)
    mosaic = np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR, box=box))
    tiles = mosaic.reshape(rows, geometry.rows.size, columns, geometry.columns.size, geometry.in_channels)
    return tiles.transpose(0, 2, 4, 1, 3).reshape(-1, *geometry.x_shape[1:])[: geometry.batch]


def digits(seed: int, geometry: Geometry) -> np.ndarray:
    """Digits of scikit-learn's collection: uint8 (N,1,H,W), ink bright on dark."""
    from sklearn.datasets import load_digits  # takes a second to import

    collection = load_digits().images.astype(np.uint8) * 15  # 0..16 levels of ink
    images = [Image.fromarray(collection[(seed + n) % len(collection)]) for n in range(geometry.batch)]
    size = geometry.columns.size, geometry.rows.size
    return np.stack([np.asarray(image.resize(size, Image.Resampling.BILINEAR)) for image in images])[:, np.newaxis]


def pixels_to_words(pixels: np.ndarray, form: Format) -> np.ndarray:
    """Pixels 0..255 spread over the whole range of `form`: ``(pixel - 128) * 2**(width - 8)``, rounded down."""
    centred = pixels.astype(np.int64) - 128
    return centred << (form.width - 8) if form.width >= 8 else centred >> (8 - form.width)


def mosaic_shape(images: int) -> tuple[int, int]:
    """Rows and columns of the squarest mosaic of `images` tiles that is at least as wide as high."""
    columns = math.isqrt(images - 1) + 1
    return -(-images // columns), columns


def mosaic(tiles: np.ndarray) -> np.ndarray:
    """Tiles (N,H,W,...) laid out row by row, shape (rows * H, columns * W, ...); places left over are 0."""
    images, height, width, *rest = tiles.shape
    rows, columns = mosaic_shape(images)
    places = np.zeros((rows * columns, height, width, *rest), tiles.dtype)
    places[:images] = tiles
    grid = places.reshape(rows, columns, height, width, *rest)
    return grid.swapaxes(1, 2).reshape(rows * height, columns * width, *rest)
