"""One ModelViewSet per table, each narrowed to the asking pharmacy."""

from typing import Any

from classic.models import InventoryItem, Order, Pharmacy, Sale
from classic.serializers import (
    InventorySerializer,
    InventoryUpsertSerializer,
    OrderSerializer,
    PharmacySerializer,
    SaleSerializer,
)
from django.db import transaction
from django.db.models import QuerySet
from rest_framework import status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer


class OwnedViewSet(viewsets.ModelViewSet):
    """Reads and writes rows of the pharmacy whose key asks."""

    model: Any

    def get_queryset(self) -> QuerySet[Any]:
        """Narrow to the asking pharmacy."""
        return self.model.objects.filter(pharmacy=self.request.user)

    def perform_create(self, serializer: BaseSerializer[Any]) -> None:
        """Write for the asking pharmacy."""
        serializer.save(pharmacy=self.request.user)


class PharmacyViewSet(viewsets.ModelViewSet):
    """The asking pharmacy itself."""

    serializer_class = PharmacySerializer

    def get_queryset(self) -> QuerySet[Pharmacy]:
        """Narrow to the asking pharmacy."""
        return Pharmacy.objects.filter(pk=self.request.user.pk).order_by("created_at")


class InventoryViewSet(OwnedViewSet):
    """Items, one by one and in bulk."""

    model = InventoryItem
    serializer_class = InventorySerializer

    @action(detail=False, methods=["post"])
    def bulk(self, request: Request) -> Response:
        """Upsert a list by sku: `many=True`, in one transaction."""
        serializer = InventoryUpsertSerializer(data=request.data, many=True, context=self.get_serializer_context())
        serializer.is_valid(raise_exception=True)
        with transaction.atomic():
            rows = serializer.save(pharmacy=request.user)
        return Response({"rows": len(rows)}, status=status.HTTP_201_CREATED)


class SaleViewSet(OwnedViewSet):
    """Sales."""

    model = Sale
    serializer_class = SaleSerializer

    def get_queryset(self) -> QuerySet[Any]:
        """Read the item with the sale, not once per row."""
        return super().get_queryset().select_related("inventory_item")


class OrderViewSet(OwnedViewSet):
    """Orders."""

    model = Order
    serializer_class = OrderSerializer
