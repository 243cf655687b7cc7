"""What a worker does. Each may be done twice, since a worker that is stopped gives its task back."""

import datetime as dt
import logging

from celery import shared_task
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from catalog.models import Order, Product

PATIENCE = dt.timedelta(minutes=30)
log = logging.getLogger(__name__)


@shared_task
def confirm(order_id: int) -> None:
    """Confirm an order, once; a real shop takes the money and writes a mail here."""
    changed = Order.objects.filter(id=order_id, state=Order.State.PLACED).update(state=Order.State.CONFIRMED)
    log.info("order %s: %s", order_id, "confirmed" if changed else "was not open")


@shared_task
def give_back() -> None:
    """Cancel orders that nobody confirmed in time, and give their stock back."""
    for order_id in Order.objects.filter(state=Order.State.PLACED, placed_at__lt=timezone.now() - PATIENCE).values_list(
        "id", flat=True
    ):
        with transaction.atomic():
            order = Order.objects.select_for_update().get(id=order_id)
            if order.state == Order.State.PLACED:
                order.state = Order.State.CANCELLED
                order.save(update_fields=["state"])
                Product.objects.filter(id=order.product_id).update(stock=F("stock") + order.quantity)
