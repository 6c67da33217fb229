"""The same four routes as the hub's, under the same names."""

from classic.views import InventoryViewSet, OrderViewSet, PharmacyViewSet, SaleViewSet
from django.urls import include, path
from rest_framework.routers import DefaultRouter

router = DefaultRouter()
router.register("pharmacies", PharmacyViewSet, basename="pharmacy")
router.register("inventory", InventoryViewSet, basename="inventory")
router.register("sales", SaleViewSet, basename="sale")
router.register("orders", OrderViewSet, basename="order")

urlpatterns = [path("api/", include(router.urls))]
