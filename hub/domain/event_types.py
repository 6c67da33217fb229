"""The names of all events: those of a pharmacy's log, and those of the hub's own. A test holds them equal to the schemas."""

from typing import Final

OF_A_PHARMACY: Final = (
    *(f"pharmacy.{verb}" for verb in ("created", "updated", "deactivated")),
    *(f"api_key.{verb}" for verb in ("created", "revoked")),
    *(f"source.{verb}" for verb in ("created", "updated", "deleted")),
    *(f"inventory.{verb}" for verb in ("created", "updated", "deleted", "adjusted", "stock_negative", "stock_low")),
    *(f"sale.{verb}" for verb in ("recorded", "updated", "voided")),
    *(f"order.{verb}" for verb in ("placed", "updated", "status_changed")),
    *(f"webhook_event.{verb}" for verb in ("received", "processed", "reopened", "deleted")),
    "command.rejected",
    *(
        f"webhook_endpoint.{verb}"
        for verb in ("created", "updated", "tested", "deleted", "failing", "disabled", "recovered")
    ),
    "webhook_delivery.exhausted",
)
OF_THE_HUB: Final = (
    *(f"operator.{verb}" for verb in ("created", "updated", "deleted", "signed_in")),
    *(f"operator_key.{verb}" for verb in ("created", "revoked")),
    *(f"integrator.{verb}" for verb in ("created", "updated", "deactivated")),
    *(f"integrator_key.{verb}" for verb in ("created", "revoked")),
    *(f"parked_message.{verb}" for verb in ("replayed", "discarded")),
)
