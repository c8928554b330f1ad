"""The loss of a batch by name: "mse" for every model, others next to their model."""

from functools import partial

from torch import Tensor, nn

from pose_smoother.errors import InvalidInputError, unknown_name
from trainer.data.batch import Batch
from trainer.models import BatchLoss, ModelModule, models, own_losses
from trainer.models.codec import model_input, model_target
from trainer.models.masked_loss import masked_mse


def batch_loss_of(name: str, module: ModelModule) -> BatchLoss:
    """The loss of a batch by name: "mse" for every model, or one of the model's own ``LOSSES``.

    Raises
    ------
    InvalidInputError : an unknown loss, or one of another model.
    """
    if name == "mse":
        return partial(mse_of_batch, consumes=module.CONSUMES)
    if name in own_losses(module):
        return own_losses(module)[name]
    owners = {loss: other.NAME for other in models().values() for loss in own_losses(other)}
    if name not in owners:
        raise unknown_name("loss", name, ["mse", *owners])
    raise InvalidInputError(
        f"the {name} loss is {owners[name]}'s own; {module.NAME} has not got it"
    )


def mse_of_batch(model: nn.Module, batch: Batch, consumes: str) -> tuple[Tensor, Tensor]:
    """The text's loss: masked mean squared error, in heatmap values or in coordinates."""
    output = model(model_input(batch, consumes))
    return masked_mse(output, *model_target(batch, consumes)), output
