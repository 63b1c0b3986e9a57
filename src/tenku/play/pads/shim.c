/* Gamepads for games on machines without uinput: an LD_PRELOAD library.
 *
 * $TENKU_PADS names a folder. Every path in /dev/input is looked up there instead, so the game sees the session's
 * gamepads and none of the machine's own devices. `eventN` and `jsN` in it are unix stream sockets: opening one
 * connects, and the connection is the "device". poll(), select(), epoll() and fcntl() work on it as they are; read()
 * and write() need little help; ioctl() is answered by device.c. The other end is shim.py.
 *
 * A descriptor is ours when the table says so and its inode still is the one that was connected. So close(), dup2()
 * and close_range() need not be watched, and a number that was reused for something else is never mistaken.
 *
 * Known limits: programs without libc's dynamic calls (static, Go) and 32-bit ones do not see the gamepads, nor do
 * programs that only ask libudev; a descriptor made by dup() can be read, but not asked by ioctl().
 */

/* Distributions set these; with them, libc's headers would turn our open() into open64() or define one inline. */
#undef _FILE_OFFSET_BITS
#undef _FORTIFY_SOURCE
#define _GNU_SOURCE
#include "device.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#if !__GLIBC_PREREQ(2, 33)
#error "glibc 2.33 or newer: older ones have no stat() to stand in front of"
#endif

#define SHOWN __attribute__((visibility("default")))

/* --- open devices --------------------------------------------------------------------------------------------- */

enum { MAX_FD = 65536, MAX_OPEN = 64, GREETING_MS = 1000 };

static struct device devices[MAX_OPEN];
static _Atomic unsigned char table[MAX_FD]; /* 0: not ours, else index + 1 */

/* The next library's function of that name. Found on first use: a constructor would run in every process. */
static SLOW void *find(_Atomic(void *) *kept, const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    atomic_store_explicit(kept, found, memory_order_release);
    return found;
}

#define REAL(name)                                                                                                  \
    ({                                                                                                              \
        static _Atomic(void *) kept;                                                                                \
        void *now = atomic_load_explicit(&kept, memory_order_acquire);                                              \
        (__typeof__(&name))(now ? now : find(&kept, #name));                                                        \
    })

static bool is_still(const struct device *device, int fd) {
    struct stat now;
    int before = errno;
    bool same = REAL(fstat)(fd, &now) == 0 && now.st_ino == device->inode && now.st_dev == device->where;
    errno = before;
    return same;
}

static SLOW struct device *checked(int fd, unsigned char place) {
    struct device *device = &devices[place - 1];
    if (is_still(device, fd))
        return device;
    if (atomic_compare_exchange_strong(&table[fd], &place, 0))
        atomic_store(&device->used, false);
    return NULL;
}

/* The device behind a descriptor, or NULL: one load for every descriptor that is not ours. */
static inline struct device *device_of(int fd) {
    if (fd < 0 || fd >= MAX_FD)
        return NULL;
    unsigned char place = atomic_load_explicit(&table[fd], memory_order_acquire);
    return place ? checked(fd, place) : NULL;
}

static struct device *claim(void) {
    for (int sweep = 0; sweep < 2; sweep++) {
        for (int i = 0; i < MAX_OPEN; i++) {
            bool used = false;
            if (atomic_compare_exchange_strong(&devices[i].used, &used, true))
                return &devices[i];
        }
        for (int i = 0; i < MAX_OPEN; i++)
            device_of(atomic_load(&devices[i].fd)); /* lets go of what was closed meanwhile */
    }
    return NULL;
}

/* --- paths ---------------------------------------------------------------------------------------------------- */

struct place {
    const char *path; /* where to look instead; NULL for a path that is not in /dev/input */
    bool node;        /* eventN or jsN, not the folder or something else in it */
    bool js;
    unsigned number;
    char room[sizeof((struct sockaddr_un *)0)->sun_path];
};

static void read_node_name(struct place *place, const char *name) {
    char rest;
    place->js = sscanf(name, "js%2u%c", &place->number, &rest) == 1;
    place->node = place->js || sscanf(name, "event%2u%c", &place->number, &rest) == 1;
}

static SLOW bool is_ours(struct place *place, const char *path) {
    static const char input[] = "/dev/input";
    place->path = NULL;
    place->node = false;
    if (!path || strncmp(path, input, sizeof input - 1) != 0)
        return false;
    const char *rest = path + sizeof input - 1;
    const char *folder = *rest == '/' || *rest == '\0' ? getenv("TENKU_PADS") : NULL;
    if (!folder || !*folder)
        return false;
    int length = snprintf(place->room, sizeof place->room, "%s%s", folder, rest);
    if (length < 0 || (size_t)length >= sizeof place->room)
        return false;
    place->path = place->room;
    if (*rest == '/')
        read_node_name(place, rest + 1);
    return true;
}

/* --- open ----------------------------------------------------------------------------------------------------- */

static int refuse(int fd, int why) {
    if (fd >= 0)
        close(fd);
    errno = why;
    return -1;
}

/* Never waits on a session that is stuck: neither to connect nor, for more than a second, to be greeted. */
static int connect_to(const char *path, struct hello *hello) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (fd >= MAX_FD)
        return refuse(fd, EMFILE);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        return refuse(fd, errno == ENOENT || errno == EACCES ? errno : ENODEV);
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    int ready;
    do
        ready = poll(&wait, 1, GREETING_MS);
    while (ready < 0 && errno == EINTR);
    if (ready <= 0 || recv(fd, hello, sizeof *hello, 0) != sizeof *hello || hello->magic != MAGIC)
        return refuse(fd, ENODEV);
    return fd;
}

static int open_device(const struct place *place, int flags) {
    struct hello hello;
    struct stat socket_itself;
    int fd = connect_to(place->path, &hello);
    if (fd < 0)
        return -1;
    struct device *device = claim();
    if (!device || REAL(fstat)(fd, &socket_itself) < 0) {
        if (device)
            atomic_store(&device->used, false);
        return refuse(fd, EMFILE);
    }
    device->where = socket_itself.st_dev;
    device->inode = socket_itself.st_ino;
    device->number = place->number;
    device->js = place->js;
    atomic_store(&device->fd, fd);
    device_start(device, &hello);
    if (!(flags & O_NONBLOCK))
        fcntl(fd, F_SETFL, 0);
    if (!(flags & O_CLOEXEC))
        fcntl(fd, F_SETFD, 0);
    atomic_store_explicit(&table[fd], (unsigned char)(device - devices + 1), memory_order_release);
    return fd;
}

#define OPEN(call, path, flags)                                                                                     \
    struct place place;                                                                                             \
    if (is_ours(&place, path)) {                                                                                    \
        if (place.node)                                                                                             \
            return open_device(&place, flags);                                                                      \
        path = place.path;                                                                                          \
    }                                                                                                               \
    return call

#define MODE(flags)                                                                                                 \
    mode_t mode = 0;                                                                                                \
    if ((flags) & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))) {                                                         \
        va_list more;                                                                                               \
        va_start(more, flags);                                                                                      \
        mode = va_arg(more, mode_t);                                                                                \
        va_end(more);                                                                                               \
    }

SHOWN int open(const char *path, int flags, ...) {
    MODE(flags)
    OPEN(REAL(open)(path, flags, mode), path, flags);
}

SHOWN int open64(const char *path, int flags, ...) {
    MODE(flags)
    OPEN(REAL(open64)(path, flags, mode), path, flags);
}

SHOWN int openat(int folder, const char *path, int flags, ...) {
    MODE(flags)
    OPEN(REAL(openat)(folder, path, flags, mode), path, flags);
}

SHOWN int openat64(int folder, const char *path, int flags, ...) {
    MODE(flags)
    OPEN(REAL(openat64)(folder, path, flags, mode), path, flags);
}

/* What programs built with _FORTIFY_SOURCE call; libc's headers do not declare them. */
SHOWN int __open_2(const char *path, int flags);
SHOWN int __open_2(const char *path, int flags) { OPEN(REAL(__open_2)(path, flags), path, flags); }

SHOWN int __open64_2(const char *path, int flags);
SHOWN int __open64_2(const char *path, int flags) { OPEN(REAL(__open64_2)(path, flags), path, flags); }

SHOWN int __openat_2(int folder, const char *path, int flags);
SHOWN int __openat_2(int folder, const char *path, int flags) {
    OPEN(REAL(__openat_2)(folder, path, flags), path, flags);
}

SHOWN int __openat64_2(int folder, const char *path, int flags);
SHOWN int __openat64_2(int folder, const char *path, int flags) {
    OPEN(REAL(__openat64_2)(folder, path, flags), path, flags);
}

/* --- read, write, ioctl --------------------------------------------------------------------------------------- */

SHOWN ssize_t read(int fd, void *into, size_t size) {
    struct device *device = device_of(fd);
    return device ? device_read(device, fd, into, size) : REAL(read)(fd, into, size);
}

SHOWN ssize_t __read_chk(int fd, void *into, size_t size, size_t room);
SHOWN ssize_t __read_chk(int fd, void *into, size_t size, size_t room) {
    struct device *device = size <= room ? device_of(fd) : NULL;
    return device ? device_read(device, fd, into, size) : REAL(__read_chk)(fd, into, size, room);
}

SHOWN ssize_t write(int fd, const void *from, size_t size) {
    struct device *device = device_of(fd);
    return device ? device_write(device, fd, from, size) : REAL(write)(fd, from, size);
}

SHOWN int ioctl(int fd, unsigned long request, ...) {
    va_list more;
    va_start(more, request);
    void *argument = va_arg(more, void *);
    va_end(more);
    struct device *device = device_of(fd);
    request &= 0xffffffffu; /* some programs keep it in an int, which comes here sign-extended */
    if (device && (_IOC_TYPE(request) == 'E' || _IOC_TYPE(request) == 'j'))
        return device_ioctl(device, fd, request, argument);
    return REAL(ioctl)(fd, request, argument);
}

/* --- files and folders ---------------------------------------------------------------------------------------- */

static void pose(struct stat *about, bool js, unsigned number) {
    about->st_mode = (about->st_mode & 07777) | S_IFCHR;
    about->st_rdev = makedev(13, js ? number : 64 + number);
}

/* Games tell devices apart by st_rdev, and some take only character devices. */
#define STAT(call, path, about)                                                                                     \
    struct place place;                                                                                             \
    if (is_ours(&place, path))                                                                                      \
        path = place.path;                                                                                          \
    int result = call;                                                                                              \
    if (result == 0 && place.path && place.node)                                                                    \
        pose((struct stat *)about, place.js, place.number);                                                         \
    return result

#define FSTAT(call, fd, about)                                                                                      \
    int result = call;                                                                                              \
    struct device *device = result == 0 ? device_of(fd) : NULL;                                                     \
    if (device)                                                                                                     \
        pose((struct stat *)about, device->js, device->number);                                                     \
    return result

_Static_assert(sizeof(struct stat) == sizeof(struct stat64), "on 64-bit Linux both are one");

SHOWN int stat(const char *path, struct stat *about) { STAT(REAL(stat)(path, about), path, about); }
SHOWN int stat64(const char *path, struct stat64 *about) { STAT(REAL(stat64)(path, about), path, about); }
SHOWN int lstat(const char *path, struct stat *about) { STAT(REAL(lstat)(path, about), path, about); }
SHOWN int lstat64(const char *path, struct stat64 *about) { STAT(REAL(lstat64)(path, about), path, about); }
SHOWN int fstat(int fd, struct stat *about) { FSTAT(REAL(fstat)(fd, about), fd, about); }
SHOWN int fstat64(int fd, struct stat64 *about) { FSTAT(REAL(fstat64)(fd, about), fd, about); }

static SLOW bool is_empty(const char *path) { return !path || !*path; }

SHOWN int fstatat(int folder, const char *path, struct stat *about, int flags) {
    if ((flags & AT_EMPTY_PATH) && is_empty(path))
        return fstat(folder, about);
    STAT(REAL(fstatat)(folder, path, about, flags), path, about);
}

SHOWN int fstatat64(int folder, const char *path, struct stat64 *about, int flags) {
    return fstatat(folder, path, (struct stat *)about, flags);
}

/* What programs built for glibc before 2.33 call. On 64-bit Linux there is one layout, so the version says nothing. */
#define OLD_STAT(name, subject, kind, call)                                                                         \
    SHOWN int name(int version, subject, struct kind *about);                                                       \
    SHOWN int name(int version, subject, struct kind *about) {                                                      \
        (void)version;                                                                                              \
        return call;                                                                                                \
    }

OLD_STAT(__xstat, const char *path, stat, stat(path, about))
OLD_STAT(__xstat64, const char *path, stat64, stat64(path, about))
OLD_STAT(__lxstat, const char *path, stat, lstat(path, about))
OLD_STAT(__lxstat64, const char *path, stat64, lstat64(path, about))
OLD_STAT(__fxstat, int fd, stat, fstat(fd, about))
OLD_STAT(__fxstat64, int fd, stat64, fstat64(fd, about))

SHOWN int __fxstatat(int version, int folder, const char *path, struct stat *about, int flags);
SHOWN int __fxstatat(int version, int folder, const char *path, struct stat *about, int flags) {
    (void)version;
    return fstatat(folder, path, about, flags);
}

SHOWN int __fxstatat64(int version, int folder, const char *path, struct stat64 *about, int flags);
SHOWN int __fxstatat64(int version, int folder, const char *path, struct stat64 *about, int flags) {
    (void)version;
    return fstatat(folder, path, (struct stat *)about, flags);
}

#define LOOK_THERE(path)                                                                                            \
    struct place place;                                                                                             \
    if (is_ours(&place, path))                                                                                      \
        path = place.path

SHOWN int access(const char *path, int how) {
    LOOK_THERE(path);
    return REAL(access)(path, how);
}

SHOWN DIR *opendir(const char *path) {
    LOOK_THERE(path);
    return REAL(opendir)(path);
}

SHOWN int scandir(const char *path, struct dirent ***found, int (*wanted)(const struct dirent *),
                  int (*order)(const struct dirent **, const struct dirent **)) {
    LOOK_THERE(path);
    return REAL(scandir)(path, found, wanted, order);
}

SHOWN int scandir64(const char *path, struct dirent64 ***found, int (*wanted)(const struct dirent64 *),
                    int (*order)(const struct dirent64 **, const struct dirent64 **)) {
    LOOK_THERE(path);
    return REAL(scandir64)(path, found, wanted, order);
}

SHOWN int inotify_add_watch(int fd, const char *path, uint32_t events) {
    LOOK_THERE(path);
    return REAL(inotify_add_watch)(fd, path, events);
}
