"""Four tables: what a pharmacy has, sells and orders."""

import uuid

from django.db import models


class Pharmacy(models.Model):
    """A tenant, and with its key the user of a request."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=200)
    api_key = models.CharField(max_length=64, unique=True)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    is_authenticated = True

    def __str__(self) -> str:
        """Name it."""
        return self.name


class InventoryItem(models.Model):
    """A product on the shelf of one pharmacy."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    pharmacy = models.ForeignKey(Pharmacy, on_delete=models.CASCADE, related_name="inventory")
    sku = models.CharField(max_length=128)
    name = models.CharField(max_length=200)
    quantity = models.IntegerField(default=0)
    price = models.DecimalField(max_digits=12, decimal_places=2)
    extra_data = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        """One sku of a pharmacy is one item; lists go by time of creation."""

        constraints = (models.UniqueConstraint(fields=("pharmacy", "sku"), name="one_sku_of_a_pharmacy"),)
        indexes = (models.Index(fields=("pharmacy", "created_at", "id")),)
        ordering = ("created_at", "id")

    def __str__(self) -> str:
        """Name it."""
        return self.sku


class Sale(models.Model):
    """A sale of one product."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    pharmacy = models.ForeignKey(Pharmacy, on_delete=models.CASCADE, related_name="sales")
    inventory_item = models.ForeignKey(InventoryItem, on_delete=models.PROTECT, related_name="sales")
    quantity = models.IntegerField()
    total_price = models.DecimalField(max_digits=12, decimal_places=2)
    sale_time = models.DateTimeField()
    reference = models.CharField(max_length=128, blank=True)
    extra_data = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        """Lists go by time of creation."""

        indexes = (models.Index(fields=("pharmacy", "created_at", "id")),)
        ordering = ("created_at", "id")

    def __str__(self) -> str:
        """Name it."""
        return self.reference


class Order(models.Model):
    """An order of a web shop."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    pharmacy = models.ForeignKey(Pharmacy, on_delete=models.CASCADE, related_name="orders")
    order_reference = models.CharField(max_length=128)
    items = models.JSONField(default=list)
    total_amount = models.DecimalField(max_digits=12, decimal_places=2)
    status = models.CharField(max_length=32, default="pending")
    extra_data = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        """One reference of a pharmacy is one order; lists go by time of creation."""

        constraints = (
            models.UniqueConstraint(fields=("pharmacy", "order_reference"), name="one_reference_of_a_pharmacy"),
        )
        indexes = (models.Index(fields=("pharmacy", "created_at", "id")),)
        ordering = ("created_at", "id")

    def __str__(self) -> str:
        """Name it."""
        return self.order_reference
