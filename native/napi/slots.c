#include "slots.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int grow(sd_slots *slots) {
  size_t capacity = slots->capacity == 0 ? 16 : slots->capacity * 2;
  if (capacity > INT32_MAX) return -ENOMEM;
  void **grown = realloc(slots->items, capacity * sizeof *grown);
  if (grown == NULL) return -ENOMEM;
  memset(grown + slots->capacity, 0, (capacity - slots->capacity) * sizeof *grown);
  slots->next = slots->capacity;
  slots->items = grown;
  slots->capacity = capacity;
  return 0;
}

int32_t sd_slots_put(sd_slots *slots, void *item) {
  if (slots->used == slots->capacity && grow(slots) != 0) return -ENOMEM;
  while (slots->items[slots->next % slots->capacity] != NULL) slots->next++;
  size_t at = slots->next++ % slots->capacity;
  slots->items[at] = item;
  slots->used++;
  return (int32_t)at + 1;
}

void *sd_slots_get(const sd_slots *slots, int32_t number) {
  return number > 0 && (size_t)number <= slots->capacity ? slots->items[number - 1] : NULL;
}

void sd_slots_remove(sd_slots *slots, int32_t number) {
  if (sd_slots_get(slots, number) == NULL) return;
  slots->items[number - 1] = NULL;
  slots->used--;
}

void sd_slots_free(sd_slots *slots) {
  free(slots->items);
  memset(slots, 0, sizeof *slots);
}
