"""What is sold, and to whom."""

from django.db import models


class Product(models.Model):
    """Something that is sold while there is stock."""

    name = models.CharField(max_length=200)
    cents = models.PositiveIntegerField()
    stock = models.PositiveIntegerField(default=0)


class Order(models.Model):
    """What somebody wants; stock is set aside for it at once, and given back where it is not confirmed in time."""

    class State(models.TextChoices):
        """How far an order is."""

        PLACED = "placed"
        CONFIRMED = "confirmed"
        CANCELLED = "cancelled"

    product = models.ForeignKey(Product, on_delete=models.PROTECT)
    quantity = models.PositiveIntegerField()
    email = models.EmailField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.PLACED)
    placed_at = models.DateTimeField(auto_now_add=True, db_index=True)
