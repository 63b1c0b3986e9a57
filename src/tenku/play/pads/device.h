/* One opened gamepad, and the bytes between it and the session. */

#ifndef TENKU_DEVICE_H
#define TENKU_DEVICE_H

#include <linux/input.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

_Static_assert(sizeof(struct input_event) == 24, "64-bit Linux only: the records have 24 bytes");

#define SLOW __attribute__((noinline))

enum { AXIS_COUNT = 8 };

/* From the session come one `struct hello` and then whole `struct input_event` (or `struct js_event`) records. To
 * the session go `struct input_event` records, and UPLOAD and ERASE for what a real device gets through ioctl(). */
enum { MAGIC = 0x31444150 /* "PAD1" */, UPLOAD = 0xff01, ERASE = 0xff02 };

struct hello {
    uint32_t magic;
    uint32_t pad;
    uint64_t keys;
    int32_t axes[AXIS_COUNT];
};

struct upload {
    struct input_event head;
    struct ff_effect effect;
};
_Static_assert(sizeof(struct upload) % sizeof(struct input_event) == 0, "uploads keep the records aligned");

struct device {
    atomic_bool used; /* this and the next three belong to shim.c */
    atomic_int fd;
    dev_t where;
    ino_t inode;
    unsigned number; /* the N of eventN or jsN */
    unsigned pad;
    bool js;
    atomic_int clock;
    atomic_uint effects;
    atomic_uint_fast64_t keys; /* as far as the game has read */
    atomic_int axes[AXIS_COUNT];
};

/* The device starts as the greeting says. */
void device_start(struct device *device, const struct hello *hello);

/* What read(), write() and ioctl() do on it. */
ssize_t device_read(struct device *device, int fd, void *into, size_t size);
ssize_t device_write(const struct device *device, int fd, const void *from, size_t size);
int device_ioctl(struct device *device, int fd, unsigned long request, void *argument);

#endif
