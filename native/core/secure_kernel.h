/* The calls to userfaultfd(2), one by one. Each returns 0 or a negative errno. */
#ifndef SD_SECURE_KERNEL_H
#define SD_SECURE_KERNEL_H

#include <stddef.h>
#include <stdint.h>

/* A non-blocking userfaultfd with the features that are needed, or a negative errno. */
int sd_secure_kernel_open(void);

int sd_secure_kernel_register(int fd, uintptr_t start, size_t bytes);
void sd_secure_kernel_unregister(int fd, uintptr_t start, size_t bytes);

/* Whether any change to registered memory has a notice that nobody has read: 0 no, -EAGAIN yes. */
int sd_secure_kernel_ask(int fd, uintptr_t page, size_t bytes);

#endif
