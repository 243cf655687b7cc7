"""The API: what there is, and an order for it."""

import json

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import connection, transaction
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_GET, require_POST

from catalog.models import Order, Product
from catalog.tasks import confirm

MOST = 100


@require_GET
def health(request: HttpRequest) -> JsonResponse:
    """Answer 200 where the database answers."""
    connection.ensure_connection()
    return JsonResponse({"well": True})


@require_GET
def products(request: HttpRequest) -> JsonResponse:
    """Return the products that can be had."""
    found = Product.objects.filter(stock__gt=0).order_by("name").values("id", "name", "cents", "stock")[:MOST]
    return JsonResponse({"products": list(found)})


@require_POST
def orders(request: HttpRequest) -> JsonResponse:
    """Place an order: set stock aside, and let a worker do the rest once that is written."""
    try:
        wanted = json.loads(request.body)
        product, quantity, email = int(wanted["product"]), int(wanted["quantity"]), str(wanted["email"])
        validate_email(email)
    except (ValueError, KeyError, TypeError, ValidationError):
        return JsonResponse({"error": "say product, quantity and email"}, status=400)
    if not 0 < quantity <= MOST:
        return JsonResponse({"error": f"quantity is 1 to {MOST}"}, status=400)
    with transaction.atomic():
        found = Product.objects.select_for_update().filter(id=product).first()
        if found is None or found.stock < quantity:
            return JsonResponse({"error": "not in stock"}, status=409)
        found.stock -= quantity
        found.save(update_fields=["stock"])
        order = Order.objects.create(product=found, quantity=quantity, email=email)
        transaction.on_commit(lambda: confirm.delay(order.id))
    return JsonResponse({"order": order.id, "state": order.state}, status=201)
