"""The cells that the profiles start from: what is trained at each scale, and what was reduced.

`demo`'s training labels are noisy: its embedded images are easy, and decay shows by what it keeps a network from
learning by heart. `cpu` has clean ones. Without decay its network fits them, to a training error of 0.1 to 0.3 % at
the learning rates in the middle of figure 2's axes, and there decay gains 3 to 6 points of test error.
(experiments/beyond/label_noise.py repeats the grids of `cpu` on noisy labels.)

`gpu` trains a wide ResNet, because a GPU trains the paper's network at a quarter of its width no faster: that is 920
tiny kernels an update. `paper` is in float32 as published; with `--set precision=bf16`, its form for a GPU, products
are in bfloat16 on tensor cores, while weights, normalisations' statistics, losses and updates stay in float32.
"""

from paper_repro.cell import Cell

DEMO = Cell(
    dataset="synthetic", model="resnet-8-w8", optimizer="sgd", alpha=0.1, decay=0.0, epochs=12, batch_size=64,
    validation_examples=500, train_examples=1500, label_noise=0.3, augment=False, evaluate_every=4,
)  # fmt: skip
CPU = Cell(
    dataset="cifar10-jpeg", model="resnet-8-w16", optimizer="sgd", alpha=0.1, decay=0.0, epochs=20,
    validation_examples=2000, train_examples=4000, image_size=16, augment=False, precision="bf16", evaluate_every=10,
)  # fmt: skip
# For long budgets: on noisy labels a long run learns them by heart, whatever its decay.
LONG_DEMO = DEMO.replace(label_noise=0.0)  # mirroring would change the classes of the embedded images
LONG_CPU = CPU.replace(augment=True)
# Twice as wide, as augmented images are harder to fit; cropped as the paper's in proportion: 2 of 16 pixels, 4 of 32.
CPU_LONG = LONG_CPU.replace(model="resnet-8-w32", epochs=75, crop_padding=2, evaluate_every=25)
GPU = Cell(
    dataset="cifar10", model="wide_resnet-16-4", optimizer="sgd", alpha=0.1, decay=0.0, epochs=15, precision="bf16",
    evaluate_every=5,
)  # fmt: skip
GPU_SHORT = GPU.replace(model="wide_resnet-10-4", epochs=8, evaluate_every=4)
GPUS = {"gpu_short": GPU_SHORT, "gpu": GPU}
PAPER = Cell(
    dataset="cifar10", model="shake_shake-26-2x64d", optimizer="sgd", alpha=1.0, decay=0.0, epochs=100,
    validation_examples=0,
)  # fmt: skip
WIDE = PAPER.replace(model="shake_shake-26-2x96d", epochs=1800)  # the paper's network and budget for long runs
IMAGENET32 = PAPER.replace(dataset="imagenet32")
IMAGENET32_WIDE = WIDE.replace(dataset="imagenet32")
IMAGENET32_GPU = GPU.replace(dataset="imagenet32", validation_examples=50_000)


def images(cell: Cell) -> str:
    """Which images a cell learns from, and how these were changed, for a note."""
    parts = ["embedded synthetic images" if cell.dataset == "synthetic" else f"{cell.train_examples:,} images"]
    if cell.image_size:
        parts[0] += f" averaged to {cell.image_size} x {cell.image_size}"
    if cell.label_noise:
        parts.append(f"{100 * cell.label_noise:.0f} % of the training labels drawn at random")
    if cell.augment:
        parts.append(f"padded{f' by {cell.crop_padding}' * (cell.crop_padding != 4)}, cropped and flipped")
    return ", ".join(parts)


NETS = {scale: f"{cell.model} in bf16 instead of 26 2x64d in float32" for scale, cell in GPUS.items()}
NOTES = {
    "demo": images(DEMO),
    "cpu": f"{images(CPU)}, a plain 8-layer ResNet",
    "cpu_long": f"{images(CPU_LONG)}, a plain 8-layer ResNet of width 32, {CPU_LONG.epochs} epochs",
    **{scale: f"{NETS[scale]}, {cell.epochs} epochs instead of 100" for scale, cell in GPUS.items()},
    "paper": "as published, in float32: trained on all training images, selected and reported on the test set",
}
LONG_NOTES = {
    "demo": images(LONG_DEMO),
    "cpu": f"{images(LONG_CPU)}, a plain 8-layer ResNet",
    "gpu": f"{GPU.model} in bf16 instead of 26 2x96d in float32",
}
