/* Counts the calls with which a process and its children change files and folders, and at one of them does harm.

   Loaded by LD_PRELOAD. FLR_FAULT_COUNT names a file of 8 octets, shared by all processes of one run: the counter. What
   happens at call number FLR_FAULT_AT (from 1) is FLR_FAULT: "kill" ends the process that makes it, "kill-all" its whole
   group, "full" lets it and all later ones that need room fail with ENOSPC, "sync" lets it and all later fsyncs fail with
   EIO, if it is one, "read-only" lets it and all later ones but fsyncs fail with EROFS, "stop" stops the process that makes
   it until it is continued. Without FLR_FAULT calls are only counted. Pipes and terminals are not files here.

   FLR_CLOCK sets the clock: "+3600" or "-3600" moves it by so many seconds, "1700000000" holds it there. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { ROOM = 1, SYNC = 2, OTHER = 4 };

static _Atomic long *count;
static long at;
static const char *fault, *clock_set;

/* Also called by a process that was forked from one that waited: see ready.py. */
__attribute__((constructor)) void take_aim(void) {
    const char *path = getenv("FLR_FAULT_COUNT"), *number = getenv("FLR_FAULT_AT");
    int fd = path ? open(path, O_RDWR) : -1;
    if (fd >= 0) {
        void *shared = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (shared != MAP_FAILED)
            count = shared;
        close(fd);
    }
    at = number ? atol(number) : 0;
    fault = getenv("FLR_FAULT");
    clock_set = getenv("FLR_CLOCK");
}

/* What is to become of a call of this kind: 0, or the error that it fails with. */
static int harm(int kind) {
    long number;
    if (!count)
        return 0;
    number = atomic_fetch_add(count, 1) + 1;
    if (!fault || number < at)
        return 0;
    if (number == at && !strcmp(fault, "kill"))
        kill(getpid(), SIGKILL);
    if (number == at && !strcmp(fault, "kill-all"))
        kill(0, SIGKILL);
    if (number == at && !strcmp(fault, "stop"))
        raise(SIGSTOP);
    if (!strcmp(fault, "read-only") && kind != SYNC)
        return EROFS;
    if (!strcmp(fault, "full") && kind == ROOM)
        return ENOSPC;
    if (!strcmp(fault, "sync") && kind == SYNC)
        return EIO;
    return 0;
}

static int is_file(int fd) {
    struct stat found;
    return !fstat(fd, &found) && (S_ISREG(found.st_mode) || S_ISDIR(found.st_mode));
}

#define GUARD(condition, kind)                                                                                        \
    do {                                                                                                              \
        int error = (condition) ? harm(kind) : 0;                                                                     \
        if (error) {                                                                                                  \
            errno = error;                                                                                            \
            return -1;                                                                                                \
        }                                                                                                             \
    } while (0)
#define CALL(type, name, kind, condition, parameters, arguments)                                                      \
    type name parameters {                                                                                            \
        static type(*real) parameters;                                                                                \
        if (!real)                                                                                                    \
            real = (type(*) parameters) dlsym(RTLD_NEXT, #name);                                                      \
        GUARD(condition, kind);                                                                                       \
        return real arguments;                                                                                        \
    }

CALL(ssize_t, write, ROOM, is_file(fd), (int fd, const void *data, size_t size), (fd, data, size))
CALL(ssize_t, writev, ROOM, is_file(fd), (int fd, const struct iovec *data, int n), (fd, data, n))
CALL(ssize_t, pwrite, ROOM, is_file(fd), (int fd, const void *data, size_t size, off_t to), (fd, data, size, to))
CALL(ssize_t, pwrite64, ROOM, is_file(fd), (int fd, const void *data, size_t size, off64_t to), (fd, data, size, to))
CALL(ssize_t, pwritev, ROOM, is_file(fd), (int fd, const struct iovec *data, int n, off_t to), (fd, data, n, to))
CALL(ssize_t, pwritev64, ROOM, is_file(fd), (int fd, const struct iovec *data, int n, off64_t to), (fd, data, n, to))
CALL(ssize_t, copy_file_range, ROOM, is_file(to), (int from, off64_t *x, int to, off64_t *y, size_t size, unsigned f),
     (from, x, to, y, size, f))
CALL(int, ftruncate, ROOM, is_file(fd), (int fd, off_t size), (fd, size))
CALL(int, ftruncate64, ROOM, is_file(fd), (int fd, off64_t size), (fd, size))
CALL(int, fsync, SYNC, is_file(fd), (int fd), (fd))
CALL(int, fdatasync, SYNC, is_file(fd), (int fd), (fd))
CALL(int, msync, SYNC, 1, (void *address, size_t size, int flags), (address, size, flags))
CALL(int, rename, OTHER, 1, (const char *old, const char *new), (old, new))
CALL(int, renameat, OTHER, 1, (int one, const char *old, int other, const char *new), (one, old, other, new))
CALL(int, unlink, OTHER, 1, (const char *path), (path))
CALL(int, unlinkat, OTHER, 1, (int fd, const char *path, int flags), (fd, path, flags))
CALL(int, rmdir, OTHER, 1, (const char *path), (path))
CALL(int, mkdir, ROOM, 1, (const char *path, mode_t mode), (path, mode))
CALL(int, mkdirat, ROOM, 1, (int fd, const char *path, mode_t mode), (fd, path, mode))
CALL(int, chmod, OTHER, 1, (const char *path, mode_t mode), (path, mode))
CALL(int, fchmod, OTHER, 1, (int fd, mode_t mode), (fd, mode))
CALL(int, fchmodat, OTHER, 1, (int fd, const char *path, mode_t mode, int flags), (fd, path, mode, flags))

#define OPEN(name, before, parameters, arguments)                                                                     \
    int name parameters {                                                                                             \
        static int (*real) parameters;                                                                                \
        mode_t mode = 0;                                                                                              \
        if (flags & (O_CREAT | __O_TMPFILE)) {                                                                        \
            va_list more;                                                                                             \
            va_start(more, flags);                                                                                    \
            mode = va_arg(more, mode_t);                                                                              \
            va_end(more);                                                                                             \
        }                                                                                                             \
        if (!real)                                                                                                    \
            real = (int (*) parameters) dlsym(RTLD_NEXT, #name);                                                      \
        GUARD(flags & (O_CREAT | O_TRUNC), ROOM);                                                                     \
        return real arguments;                                                                                        \
    }

OPEN(open, , (const char *path, int flags, ...), (path, flags, mode))
OPEN(open64, , (const char *path, int flags, ...), (path, flags, mode))
OPEN(openat, , (int fd, const char *path, int flags, ...), (fd, path, flags, mode))
OPEN(openat64, , (int fd, const char *path, int flags, ...), (fd, path, flags, mode))

int clock_gettime(clockid_t which, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    int result;
    if (!real)
        real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    result = real(which, now);
    if (!result && clock_set && which == CLOCK_REALTIME) {
        int moved = *clock_set == '+' || *clock_set == '-';
        now->tv_sec = (moved ? now->tv_sec : 0) + atol(clock_set);
        now->tv_nsec = moved ? now->tv_nsec : 0;
    }
    return result;
}
