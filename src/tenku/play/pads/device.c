/* What an opened gamepad answers. shim.c finds out which calls are for it. */

#define _GNU_SOURCE
#include "device.h"

#include <errno.h>
#include <linux/joystick.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

/* --- what a device is: Microsoft's wired Xbox 360 pad, as the kernel's xpad driver shows it ------------------- */

static const struct input_id IDENTITY = {.bustype = BUS_USB, .vendor = 0x045e, .product = 0x028e, .version = 0x0110};
static const char NAME[] = "Microsoft X-Box 360 pad";

/* The order is that of the bits and places in `struct hello`; xbox.py has the same tables. */
static const uint16_t KEYS[] = {BTN_A,      BTN_B,     BTN_X,    BTN_Y,      BTN_TL,    BTN_TR,
                                BTN_SELECT, BTN_START, BTN_MODE, BTN_THUMBL, BTN_THUMBR};
static const struct axis {
    uint16_t code;
    int16_t low, high, flat;
} AXES[AXIS_COUNT] = {
    {ABS_X, -32768, 32767, 128},  {ABS_Y, -32768, 32767, 128},  {ABS_Z, 0, 255, 0},      {ABS_RX, -32768, 32767, 128},
    {ABS_RY, -32768, 32767, 128}, {ABS_RZ, 0, 255, 0},          {ABS_HAT0X, -1, 1, 0},   {ABS_HAT0Y, -1, 1, 0},
};
static const uint16_t EFFECTS[] = {FF_RUMBLE, FF_PERIODIC, FF_SQUARE, FF_TRIANGLE, FF_SINE, FF_GAIN};

enum {
    KEY_COUNT = sizeof KEYS / sizeof *KEYS,
    EFFECT_COUNT = sizeof EFFECTS / sizeof *EFFECTS,
    EFFECT_SLOTS = 16,
};

/* --- read and write ------------------------------------------------------------------------------------------- */

void device_start(struct device *device, const struct hello *hello) {
    device->pad = hello->pad;
    atomic_store(&device->clock, CLOCK_REALTIME);
    atomic_store(&device->effects, 0);
    atomic_store(&device->keys, hello->keys);
    for (int i = 0; i < AXIS_COUNT; i++)
        atomic_store(&device->axes[i], hello->axes[i]);
}

static void note(struct device *device, const struct input_event *event) {
    if (event->type == EV_KEY) {
        for (int i = 0; i < KEY_COUNT; i++)
            if (KEYS[i] == event->code && event->value)
                atomic_fetch_or(&device->keys, UINT64_C(1) << i);
            else if (KEYS[i] == event->code)
                atomic_fetch_and(&device->keys, ~(UINT64_C(1) << i));
    } else if (event->type == EV_ABS) {
        for (int i = 0; i < AXIS_COUNT; i++)
            if (AXES[i].code == event->code)
                atomic_store(&device->axes[i], event->value);
    }
}

/* The session stamps events with CLOCK_REALTIME, as the kernel does until a program asks for another clock. */
static void restamp(struct input_event *event, clockid_t clock) {
    struct timespec wall, other;
    clock_gettime(CLOCK_REALTIME, &wall);
    clock_gettime(clock, &other);
    int64_t shift = (other.tv_sec - wall.tv_sec) * INT64_C(1000000) + (other.tv_nsec - wall.tv_nsec) / 1000;
    int64_t stamp = event->input_event_sec * INT64_C(1000000) + event->input_event_usec + shift;
    event->input_event_sec = stamp / 1000000;
    event->input_event_usec = stamp % 1000000;
}

ssize_t device_read(struct device *device, int fd, void *into, size_t size) {
    size_t record = device->js ? sizeof(struct js_event) : sizeof(struct input_event);
    if (size < record) {
        errno = EINVAL;
        return size ? -1 : 0;
    }
    ssize_t got = recv(fd, into, size - size % record, 0);
    if (got == 0 || (got < 0 && errno == ECONNRESET)) {
        errno = ENODEV; /* unplugged; 0 would read as "nothing yet" to most games */
        return -1;
    }
    clockid_t clock = atomic_load(&device->clock);
    struct input_event *event = into;
    for (ssize_t at = 0; !device->js && at + (ssize_t)sizeof *event <= got; at += sizeof *event, event++) {
        note(device, event);
        if (clock != CLOCK_REALTIME)
            restamp(event, clock);
    }
    return got;
}

static ssize_t send_records(int fd, const void *from, size_t size) {
    ssize_t sent = send(fd, from, size, MSG_NOSIGNAL);
    if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
        errno = ENODEV;
    return sent;
}

ssize_t device_write(const struct device *device, int fd, const void *from, size_t size) {
    size_t record = sizeof(struct input_event), most = 16 * record; /* small: the kernel takes it whole or not at all */
    if (device->js || size < record) {
        errno = EINVAL;
        return size ? -1 : 0;
    }
    size -= size % record;
    return send_records(fd, from, size < most ? size : most);
}

/* --- ioctl ---------------------------------------------------------------------------------------------------- */

static int answer(void *into, size_t room, const void *from, size_t size) {
    size_t copied = size < room ? size : room;
    memcpy(into, from, copied);
    return (int)copied;
}

static void mark(unsigned char *bits, unsigned bit) { bits[bit / 8] |= (unsigned char)(1u << bit % 8); }

/* Bytes of a kernel bit map: whole 64-bit words. */
#define MAP(count) (((count) + 63) / 64 * 8)

static int answer_kinds(unsigned type, void *into, size_t room) {
    unsigned char bits[MAP(KEY_CNT)] = {0};
    switch (type) {
    case 0:
        mark(bits, EV_SYN);
        mark(bits, EV_KEY);
        mark(bits, EV_ABS);
        mark(bits, EV_FF);
        return answer(into, room, bits, MAP(EV_CNT));
    case EV_KEY:
        for (int i = 0; i < KEY_COUNT; i++)
            mark(bits, KEYS[i]);
        return answer(into, room, bits, MAP(KEY_CNT));
    case EV_ABS:
        for (int i = 0; i < AXIS_COUNT; i++)
            mark(bits, AXES[i].code);
        return answer(into, room, bits, MAP(ABS_CNT));
    case EV_FF:
        for (int i = 0; i < EFFECT_COUNT; i++)
            mark(bits, EFFECTS[i]);
        return answer(into, room, bits, MAP(FF_CNT));
    case EV_REL:
    case EV_MSC:
    case EV_SW:
    case EV_LED:
    case EV_SND:
        return answer(into, room, bits, MAP(REL_CNT)); /* one word of zeros: it has none of these */
    default:
        errno = EINVAL;
        return -1;
    }
}

static int answer_keys(struct device *device, void *into, size_t room) {
    unsigned char bits[MAP(KEY_CNT)] = {0};
    uint64_t keys = atomic_load(&device->keys);
    for (int i = 0; i < KEY_COUNT; i++)
        if (keys >> i & 1)
            mark(bits, KEYS[i]);
    return answer(into, room, bits, sizeof bits);
}

static int answer_axis(struct device *device, unsigned code, void *into, size_t room) {
    for (int i = 0; i < AXIS_COUNT; i++)
        if (AXES[i].code == code) {
            struct input_absinfo info = {.value = atomic_load(&device->axes[i]),
                                         .minimum = AXES[i].low,
                                         .maximum = AXES[i].high,
                                         .flat = AXES[i].flat};
            answer(into, room, &info, sizeof info);
            return 0;
        }
    errno = EINVAL;
    return -1;
}

static int take_effect(struct device *device, int fd, struct ff_effect *effect) {
    unsigned taken = atomic_load(&device->effects);
    int id = effect->id;
    if (id == -1) {
        do {
            for (id = 0; id < EFFECT_SLOTS && taken >> id & 1; id++)
                ;
            if (id == EFFECT_SLOTS) {
                errno = ENOSPC;
                return -1;
            }
        } while (!atomic_compare_exchange_weak(&device->effects, &taken, taken | 1u << id));
    } else if (id < 0 || id >= EFFECT_SLOTS || !(taken >> id & 1)) {
        errno = EINVAL;
        return -1;
    }
    effect->id = (int16_t)id;
    struct upload upload = {.head = {.type = UPLOAD, .code = (uint16_t)id}, .effect = *effect};
    if (effect->type == FF_PERIODIC) /* a pointer into the game and its length are nothing for the session */
        upload.effect.u.periodic.custom_len = 0, upload.effect.u.periodic.custom_data = NULL;
    return send_records(fd, &upload, sizeof upload) < 0 && errno == ENODEV ? -1 : 0;
}

static int drop_effect(struct device *device, int fd, int id) {
    if (id < 0 || id >= EFFECT_SLOTS || !(atomic_fetch_and(&device->effects, ~(1u << id)) >> id & 1)) {
        errno = EINVAL;
        return -1;
    }
    struct input_event erase = {.type = ERASE, .code = (uint16_t)id};
    return send_records(fd, &erase, sizeof erase) < 0 && errno == ENODEV ? -1 : 0;
}

static int answer_text(void *into, size_t room, const char *format, unsigned number) {
    char text[64];
    return answer(into, room, text, (size_t)snprintf(text, sizeof text, format, number) + 1);
}

static int set_clock(struct device *device, int clock) {
    if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME) {
        errno = EINVAL;
        return -1;
    }
    atomic_store(&device->clock, clock);
    return 0;
}

static int ioctl_event(struct device *device, int fd, unsigned long request, void *argument) {
    static const unsigned char none[MAP(KEY_CNT)];
    size_t room = _IOC_SIZE(request);
    unsigned call = _IOC_NR(request);
    if (_IOC_DIR(request) == _IOC_READ && call >= _IOC_NR(EVIOCGBIT(0, 0)) && call < _IOC_NR(EVIOCGBIT(EV_CNT, 0)))
        return answer_kinds(call - _IOC_NR(EVIOCGBIT(0, 0)), argument, room);
    if (_IOC_DIR(request) == _IOC_READ && call >= _IOC_NR(EVIOCGABS(0)) && call < _IOC_NR(EVIOCGABS(ABS_CNT)))
        return answer_axis(device, call - _IOC_NR(EVIOCGABS(0)), argument, room);
    switch (request & ~(unsigned long)IOCSIZE_MASK) { /* whatever size: programs differ in it */
    case EVIOCGNAME(0):
        return answer(argument, room, NAME, sizeof NAME);
    case EVIOCGPHYS(0):
        return answer_text(argument, room, "tenku/pad%u", device->pad);
    case EVIOCGUNIQ(0):
        return answer_text(argument, room, "", 0);
    case EVIOCGPROP(0):
    case EVIOCGLED(0):
    case EVIOCGSND(0):
    case EVIOCGSW(0):
        return answer(argument, room, none, 8);
    case EVIOCGKEY(0):
        return answer_keys(device, argument, room);
    }
    switch (request) {
    case EVIOCGVERSION:
        *(int *)argument = EV_VERSION;
        return 0;
    case EVIOCGID:
        memcpy(argument, &IDENTITY, sizeof IDENTITY);
        return 0;
    case EVIOCGEFFECTS:
        *(int *)argument = EFFECT_SLOTS;
        return 0;
    case EVIOCSFF:
        return take_effect(device, fd, argument);
    case EVIOCRMFF:
        return drop_effect(device, fd, (int)(intptr_t)argument);
    case EVIOCSCLOCKID:
        return set_clock(device, *(int *)argument);
    case EVIOCGRAB:
    case EVIOCREVOKE:
    case EVIOCSMASK:
        return 0;
    default:
        errno = EINVAL;
        return -1;
    }
}

static int ioctl_js(unsigned long request, void *argument) {
    uint8_t axes[ABS_CNT] = {0};
    uint16_t keys[KEY_MAX - BTN_MISC + 1] = {0};
    size_t room = _IOC_SIZE(request);
    for (int i = 0; i < AXIS_COUNT; i++)
        axes[i] = (uint8_t)AXES[i].code;
    memcpy(keys, KEYS, sizeof KEYS);
    if ((request & ~(unsigned long)IOCSIZE_MASK) == JSIOCGNAME(0))
        return answer(argument, room, NAME, sizeof NAME);
    switch (request) {
    case JSIOCGVERSION:
        *(uint32_t *)argument = JS_VERSION;
        return 0;
    case JSIOCGAXES:
        *(uint8_t *)argument = AXIS_COUNT;
        return 0;
    case JSIOCGBUTTONS:
        *(uint8_t *)argument = KEY_COUNT;
        return 0;
    case JSIOCGAXMAP:
        return answer(argument, room, axes, sizeof axes);
    case JSIOCGBTNMAP:
        return answer(argument, room, keys, sizeof keys);
    case JSIOCGCORR:
        memset(argument, 0, room); /* JS_CORR_NONE: the values need no correction */
        return 0;
    default:
        errno = EINVAL;
        return -1;
    }
}

int device_ioctl(struct device *device, int fd, unsigned long request, void *argument) {
    if (!device->js && _IOC_TYPE(request) == 'E')
        return ioctl_event(device, fd, request, argument);
    if (device->js && _IOC_TYPE(request) == 'j')
        return ioctl_js(request, argument);
    errno = EINVAL;
    return -1;
}
