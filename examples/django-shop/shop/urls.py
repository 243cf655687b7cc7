"""Addresses, all below /api/: everything else is the page's."""

from catalog import views
from django.urls import path

urlpatterns = [
    path("api/health", views.health),
    path("api/products", views.products),
    path("api/orders", views.orders),
]
