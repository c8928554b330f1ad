"""Finetuning a trained run on pairs of a detector's output and ground truth."""

#: A tenth of training's, so that what was learned stays; epochs are those over the pairs.
LEARNING_RATE = 1e-4
MAX_EPOCHS = 20
