/* Small positive numbers for things that JavaScript names. A number is reused as late as the table allows. */
#ifndef SD_SLOTS_H
#define SD_SLOTS_H

#include <stddef.h>
#include <stdint.h>

typedef struct sd_slots {
  void **items;
  size_t capacity;
  size_t used;
  size_t next;
} sd_slots;

/* The new number, or -ENOMEM. */
int32_t sd_slots_put(sd_slots *slots, void *item);
void *sd_slots_get(const sd_slots *slots, int32_t number); /* NULL: no such number */
void sd_slots_remove(sd_slots *slots, int32_t number);
void sd_slots_free(sd_slots *slots);

#endif
