/* Writes down every call with which a process and its children change files and folders below one folder, in order.

   Loaded by LD_PRELOAD. FLR_RECORD names the file that is appended to, FLR_RECORD_UNDER the folder. A call is written down
   once it has succeeded: a `struct call`, its two paths, and the octets that it wrote. Read by record.py, which also knows
   the numbers of the kinds. What is not seen here (a new kind of call) is found out there: what was recorded is played
   back and held against the folder that is on the disk. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { CREATE = 1, CUT, WRITE, COPY, SYNC, RENAME, UNLINK, RMDIR, MKDIR, CHMOD, MAP };
enum { HIGH = 700 };

struct call {
    uint32_t kind, path_octets, other_octets, data_octets;
    int64_t at, from, size;
};

static int record = -1;
static char under[PATH_MAX];

/* Also called by a process that was forked from one that waited: see ready.py. */
__attribute__((constructor)) void take_notes(void) {
    const char *path = getenv("FLR_RECORD"), *folder = getenv("FLR_RECORD_UNDER");
    int fd = path && folder ? open(path, O_WRONLY | O_APPEND | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    snprintf(under, sizeof under, "%s", folder);
    record = fcntl(fd, F_DUPFD_CLOEXEC, HIGH); /* out of the way of programs that close what they do not know */
    close(fd);
}

/* The absolute path of a name in an open folder, or in the folder that we are in. */
static const char *absolute(int folder, const char *name, char *out) {
    char link[64];
    ssize_t size;
    if (name && *name == '/')
        return name;
    if (folder == AT_FDCWD)
        snprintf(link, sizeof link, "/proc/self/cwd");
    else
        snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
    size = readlink(link, out, PATH_MAX - 1);
    if (size < 0)
        return NULL;
    out[size] = 0;
    if (name)
        snprintf(out + size, PATH_MAX - size, "/%s", name);
    return out;
}

static int is_under(const char *path) {
    size_t size = strlen(under);
    return path && !strncmp(path, under, size) && (!path[size] || path[size] == '/');
}

static void write_down(struct call call, const char *path, const char *other, const struct iovec *data, int pieces) {
    struct iovec parts[3 + 64] = {{&call, sizeof call}};
    int error = errno, n = 3;
    if (record < 0 || !is_under(path))
        return;
    other = other ? other : "";
    call.path_octets = strlen(path);
    call.other_octets = strlen(other);
    parts[1] = (struct iovec){(void *)path, call.path_octets};
    parts[2] = (struct iovec){(void *)other, call.other_octets};
    for (int i = 0; i < pieces && call.data_octets < call.size; i++) {
        size_t left = call.size - call.data_octets, size = data[i].iov_len < left ? data[i].iov_len : left;
        if (n == 3 + 64)
            abort();
        parts[n++] = (struct iovec){data[i].iov_base, size};
        call.data_octets += size;
    }
    if (syscall(SYS_writev, record, parts, n) < 0)
        abort();
    errno = error;
}

static void wrote(int fd, int64_t at, const struct iovec *data, int pieces, ssize_t size) {
    char path[PATH_MAX];
    if (record < 0 || size <= 0)
        return;
    if (at < 0)
        at = lseek(fd, 0, SEEK_CUR) - size;
    write_down((struct call){.kind = WRITE, .at = at, .size = size}, absolute(fd, NULL, path), NULL, data, pieces);
}

static void changed(int kind, int fd, int64_t size) {
    char path[PATH_MAX];
    if (record >= 0)
        write_down((struct call){.kind = kind, .size = size}, absolute(fd, NULL, path), NULL, NULL, 0);
}

static void named(int kind, int folder, const char *name, int to, const char *other, int64_t size) {
    char one[PATH_MAX], two[PATH_MAX];
    if (record >= 0)
        write_down((struct call){.kind = kind, .size = size}, absolute(folder, name, one),
                   other ? absolute(to, other, two) : NULL, NULL, 0);
}

#define REAL(type, name, parameters)                                                                                  \
    static type(*real) parameters;                                                                                    \
    if (!real)                                                                                                        \
        real = (type(*) parameters) dlsym(RTLD_NEXT, #name);
#define CALL(type, name, parameters, arguments, then)                                                                 \
    type name parameters {                                                                                            \
        REAL(type, name, parameters)                                                                                  \
        type result = real arguments;                                                                                 \
        if (result >= 0)                                                                                              \
            then;                                                                                                     \
        return result;                                                                                                \
    }
#define ONE(data, size) (&(struct iovec){(void *)(data), size})

CALL(ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size), wrote(fd, -1, ONE(data, size), 1, result))
CALL(ssize_t, writev, (int fd, const struct iovec *data, int n), (fd, data, n), wrote(fd, -1, data, n, result))
CALL(ssize_t, pwrite, (int fd, const void *data, size_t size, off_t to), (fd, data, size, to),
     wrote(fd, to, ONE(data, size), 1, result))
CALL(ssize_t, pwrite64, (int fd, const void *data, size_t size, off64_t to), (fd, data, size, to),
     wrote(fd, to, ONE(data, size), 1, result))
CALL(ssize_t, pwritev, (int fd, const struct iovec *data, int n, off_t to), (fd, data, n, to),
     wrote(fd, to, data, n, result))
CALL(ssize_t, pwritev64, (int fd, const struct iovec *data, int n, off64_t to), (fd, data, n, to),
     wrote(fd, to, data, n, result))
CALL(ssize_t, pwritev2, (int fd, const struct iovec *data, int n, off_t to, int flags), (fd, data, n, to, flags),
     wrote(fd, to, data, n, result))
CALL(ssize_t, pwritev64v2, (int fd, const struct iovec *data, int n, off64_t to, int flags), (fd, data, n, to, flags),
     wrote(fd, to, data, n, result))
CALL(int, ftruncate, (int fd, off_t size), (fd, size), changed(CUT, fd, size))
CALL(int, ftruncate64, (int fd, off64_t size), (fd, size), changed(CUT, fd, size))
CALL(int, fsync, (int fd), (fd), changed(SYNC, fd, 0))
CALL(int, fdatasync, (int fd), (fd), changed(SYNC, fd, 0))
CALL(int, rename, (const char *old, const char *new), (old, new), named(RENAME, AT_FDCWD, old, AT_FDCWD, new, 0))
CALL(int, renameat, (int one, const char *old, int other, const char *new), (one, old, other, new),
     named(RENAME, one, old, other, new, 0))
CALL(int, unlink, (const char *path), (path), named(UNLINK, AT_FDCWD, path, 0, NULL, 0))
CALL(int, unlinkat, (int fd, const char *path, int flags), (fd, path, flags),
     named(flags & AT_REMOVEDIR ? RMDIR : UNLINK, fd, path, 0, NULL, 0))
CALL(int, rmdir, (const char *path), (path), named(RMDIR, AT_FDCWD, path, 0, NULL, 0))
CALL(int, mkdir, (const char *path, mode_t mode), (path, mode), named(MKDIR, AT_FDCWD, path, 0, NULL, mode))
CALL(int, mkdirat, (int fd, const char *path, mode_t mode), (fd, path, mode), named(MKDIR, fd, path, 0, NULL, mode))
CALL(int, chmod, (const char *path, mode_t mode), (path, mode), named(CHMOD, AT_FDCWD, path, 0, NULL, mode))
CALL(int, fchmod, (int fd, mode_t mode), (fd, mode), changed(CHMOD, fd, mode))

ssize_t copy_file_range(int from, off64_t *x, int to, off64_t *y, size_t size, unsigned flags) {
    REAL(ssize_t, copy_file_range, (int, off64_t *, int, off64_t *, size_t, unsigned))
    char one[PATH_MAX], two[PATH_MAX];
    ssize_t result = real(from, x, to, y, size, flags);
    if (record >= 0 && result > 0)
        write_down((struct call){.kind = COPY,
                                 .at = (y ? *y : lseek(to, 0, SEEK_CUR)) - result,
                                 .from = (x ? *x : lseek(from, 0, SEEK_CUR)) - result,
                                 .size = result},
                   absolute(to, NULL, one), absolute(from, NULL, two), NULL, 0);
    return result;
}

#define MAPPING(name, offset)                                                                                         \
    void *name(void *address, size_t size, int protection, int flags, int fd, offset at) {                            \
        REAL(void *, name, (void *, size_t, int, int, int, offset))                                                   \
        void *result = real(address, size, protection, flags, fd, at);                                                \
        if (result != MAP_FAILED && fd >= 0 && protection & PROT_WRITE && flags & MAP_SHARED)                         \
            changed(MAP, fd, size);                                                                                   \
        return result;                                                                                                \
    }

MAPPING(mmap, off_t)
MAPPING(mmap64, off64_t)

#define OPEN(name, declared, folder, parameters, arguments)                                                           \
    int name parameters {                                                                                             \
        REAL(int, name, declared)                                                                                     \
        mode_t mode = 0;                                                                                              \
        struct stat before;                                                                                           \
        int there, fd;                                                                                                \
        if (flags & (O_CREAT | __O_TMPFILE)) {                                                                        \
            va_list more;                                                                                             \
            va_start(more, flags);                                                                                    \
            mode = va_arg(more, mode_t);                                                                              \
            va_end(more);                                                                                             \
        }                                                                                                             \
        there = record < 0 || !(flags & O_CREAT) || !fstatat(folder, path, &before, 0);                               \
        fd = real arguments;                                                                                          \
        if (fd >= 0 && !there)                                                                                        \
            named(CREATE, folder, path, 0, NULL, mode);                                                               \
        else if (fd >= 0 && flags & O_TRUNC)                                                                          \
            changed(CUT, fd, 0);                                                                                      \
        return fd;                                                                                                    \
    }

OPEN(open, (const char *, int, ...), AT_FDCWD, (const char *path, int flags, ...), (path, flags, mode))
OPEN(open64, (const char *, int, ...), AT_FDCWD, (const char *path, int flags, ...), (path, flags, mode))
OPEN(openat, (int, const char *, int, ...), folder, (int folder, const char *path, int flags, ...),
     (folder, path, flags, mode))
OPEN(openat64, (int, const char *, int, ...), folder, (int folder, const char *path, int flags, ...),
     (folder, path, flags, mode))
