"""Model serializers; a list of items is written by the default `ListSerializer`, row by row."""

from typing import Any

from classic.models import InventoryItem, Order, Pharmacy, Sale
from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet
from rest_framework import serializers

KEPT_BY_THE_SERVER = ("id", "created_at", "updated_at")


class PharmacySerializer(serializers.ModelSerializer):
    """A pharmacy without its key."""

    class Meta:
        """What is shown."""

        model = Pharmacy
        fields = ("id", "name", "is_active", "created_at", "updated_at")
        read_only_fields = KEPT_BY_THE_SERVER


class InventorySerializer(serializers.ModelSerializer):
    """An item of the asking pharmacy."""

    class Meta:
        """What is shown."""

        model = InventoryItem
        fields = ("id", "sku", "name", "quantity", "price", "extra_data", "created_at", "updated_at")
        read_only_fields = KEPT_BY_THE_SERVER

    def create(self, validated_data: dict[str, Any]) -> InventoryItem:
        """Insert; a taken sku is a 400."""
        try:
            with transaction.atomic():
                return super().create(validated_data)
        except IntegrityError:
            raise serializers.ValidationError({"sku": ["taken"]}) from None


class InventoryUpsertSerializer(InventorySerializer):
    """The same by sku: what is there is changed, what is not is made."""

    def create(self, validated_data: dict[str, Any]) -> InventoryItem:
        """Make or change the item of this sku."""
        values = dict(validated_data)
        keys = {"pharmacy": values.pop("pharmacy"), "sku": values.pop("sku")}
        return InventoryItem.objects.update_or_create(**keys, defaults=values)[0]


class OwnItem(serializers.SlugRelatedField):
    """An item named by its sku, among those of the asking pharmacy."""

    def get_queryset(self) -> QuerySet[InventoryItem]:
        """Narrow to the asking pharmacy."""
        return InventoryItem.objects.filter(pharmacy=self.context["request"].user)


class SaleSerializer(serializers.ModelSerializer):
    """A sale; recording one takes the stock off the shelf in the same transaction."""

    sku = OwnItem(slug_field="sku", source="inventory_item", queryset=InventoryItem.objects.all())

    class Meta:
        """What is shown."""

        model = Sale
        fields = (
            "id", "sku", "quantity", "total_price", "sale_time", "reference", "extra_data", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = KEPT_BY_THE_SERVER

    def create(self, validated_data: dict[str, Any]) -> Sale:
        """Record the sale and lower the stock."""
        with transaction.atomic():
            InventoryItem.objects.filter(pk=validated_data["inventory_item"].pk).update(
                quantity=F("quantity") - validated_data["quantity"]
            )
            return super().create(validated_data)


class OrderSerializer(serializers.ModelSerializer):
    """An order of the asking pharmacy."""

    class Meta:
        """What is shown."""

        model = Order
        fields = (
            "id", "order_reference", "items", "total_amount", "status", "extra_data", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = KEPT_BY_THE_SERVER
