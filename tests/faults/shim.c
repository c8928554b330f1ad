/* Stands between a program and its files (LD_PRELOAD): counts, fails, kills at or records the
 * operations that change files below one folder. Settings lie in a memory-mapped control file, so
 * that they can change between runs and are shared by all processes of a command. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { OFF = 0, COUNT = 1, FAIL = 2, KILL = 3 };

struct control {
    int64_t counter; /* operations so far */
    int64_t at;      /* the one to fail or to be killed at, from 0 */
    int32_t mode;
    int32_t error; /* errno of a failure */
    int32_t lasts; /* 0: one operation fails; 1: all that take room; 2: all that change anything */
    int32_t filled;
    char root[1024];  /* folder, without a slash at its end */
    char trace[1024]; /* where operations are recorded; empty: nowhere */
};

static struct control *control;

__attribute__((constructor)) static void start(void) {
    const char *path = getenv("FAULT_CONTROL");
    if (!path) return;
    int fd = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
    if (fd < 0) return;
    void *at = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    syscall(SYS_close, fd);
    if (at != MAP_FAILED) control = at;
}

static int inside(const char *path) {
    size_t n = strlen(control->root);
    return n && !strncmp(path, control->root, n) && (path[n] == '/' || path[n] == 0);
}

static void absolute(char *out, int folder, const char *path) {
    if (path[0] == '/') {
        snprintf(out, PATH_MAX, "%s", path);
        return;
    }
    char link[64], base[PATH_MAX] = "";
    if (folder == AT_FDCWD) {
        if (!getcwd(base, sizeof base)) base[0] = 0;
    } else {
        snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
        ssize_t n = readlink(link, base, sizeof base - 1);
        base[n > 0 ? n : 0] = 0;
    }
    snprintf(out, PATH_MAX, "%.2000s/%.2000s", base, path);
}

static int of_fd(char *out, int fd) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, out, PATH_MAX - 1);
    if (n <= 0) return 0;
    out[n] = 0;
    return out[0] == '/';
}

/* Record an operation that happened: a line, then the bytes that were written. */
static void record(const char *kind, const char *path, const char *other, int64_t offset,
                   const void *data, int64_t n) {
    char line[2 * PATH_MAX + 128];
    int size = snprintf(line, sizeof line, "%d\t%s\t%s\t%s\t%lld\t%lld\n", (int)getpid(), kind, path,
                        other ? other : "", (long long)offset, (long long)n);
    struct iovec parts[2] = {{line, size}, {(void *)data, n > 0 ? n : 0}};
    int fd = syscall(SYS_openat, AT_FDCWD, control->trace, O_WRONLY | O_APPEND | O_CREAT, 0644);
    if (fd < 0) return;
    syscall(SYS_writev, fd, parts, n > 0 ? 2 : 1);
    syscall(SYS_close, fd);
}

/* Called before an operation on a path inside the folder. 0: go on; else errno to fail with. */
static int before(int takes_room, int changes) {
    int64_t number = __atomic_fetch_add(&control->counter, 1, __ATOMIC_SEQ_CST);
    if (control->mode == KILL && number == control->at) {
        syscall(SYS_kill, 0, SIGKILL);
        for (;;) pause();
    }
    if (control->mode != FAIL || number < control->at) return 0;
    if (number == control->at) return control->error;
    if (control->lasts == 1 && takes_room) return control->error;
    if (control->lasts == 2 && changes) return control->error;
    return 0;
}

#define ON(path) (control && control->mode != OFF && inside(path))
#define TRACED (control->trace[0])

static int opened(int folder, const char *path, int flags, mode_t mode) {
    char full[PATH_MAX];
    int creates = flags & (O_CREAT | O_TRUNC);
    if (control && control->mode != OFF && creates) {
        absolute(full, folder, path);
        if (inside(full)) {
            int existed = !access(full, F_OK);
            if (!existed || (flags & O_TRUNC)) {
                int error = before(1, 1);
                if (error) { errno = error; return -1; }
            }
            int fd = syscall(SYS_openat, folder, path, flags, mode);
            if (fd >= 0 && TRACED && (!existed || (flags & O_TRUNC)))
                record("create", full, NULL, 0, NULL, 0);
            return fd;
        }
    }
    return syscall(SYS_openat, folder, path, flags, mode);
}

#define MODE_OF(flags)                                     \
    mode_t mode = 0;                                       \
    if ((flags) & (O_CREAT | O_TMPFILE)) {                 \
        va_list rest;                                      \
        va_start(rest, flags);                             \
        mode = va_arg(rest, mode_t);                       \
        va_end(rest);                                      \
    }

int open(const char *path, int flags, ...) {
    MODE_OF(flags) return opened(AT_FDCWD, path, flags, mode);
}
int open64(const char *path, int flags, ...) {
    MODE_OF(flags) return opened(AT_FDCWD, path, flags, mode);
}
int openat(int folder, const char *path, int flags, ...) {
    MODE_OF(flags) return opened(folder, path, flags, mode);
}
int openat64(int folder, const char *path, int flags, ...) {
    MODE_OF(flags) return opened(folder, path, flags, mode);
}

static ssize_t wrote(int fd, const void *data, size_t n, int64_t offset) {
    char path[PATH_MAX];
    int watched = control && control->mode != OFF && fd > 2 && of_fd(path, fd) && inside(path);
    if (watched) {
        int error = before(1, 1);
        if (error) { errno = error; return -1; }
    }
    int64_t at = offset;
    if (watched && TRACED && offset < 0) {
        int flags = fcntl(fd, F_GETFL);
        at = (flags & O_APPEND) ? lseek(fd, 0, SEEK_END) : lseek(fd, 0, SEEK_CUR);
    }
    ssize_t done = offset < 0 ? syscall(SYS_write, fd, data, n)
                              : syscall(SYS_pwrite64, fd, data, n, offset);
    if (watched && TRACED && done > 0) record("write", path, NULL, at, data, done);
    return done;
}

ssize_t write(int fd, const void *data, size_t n) { return wrote(fd, data, n, -1); }
ssize_t pwrite(int fd, const void *data, size_t n, off_t at) { return wrote(fd, data, n, at); }
ssize_t pwrite64(int fd, const void *data, size_t n, off64_t at) { return wrote(fd, data, n, at); }

static int flushed(int fd, int number) {
    char path[PATH_MAX];
    int watched = control && control->mode != OFF && of_fd(path, fd) && inside(path);
    if (watched) {
        int error = before(0, 0);
        if (error) { errno = error; return -1; }
    }
    int done = syscall(number, fd);
    if (watched && TRACED && !done) record("fsync", path, NULL, 0, NULL, 0);
    return done;
}

int fsync(int fd) { return flushed(fd, SYS_fsync); }
int fdatasync(int fd) { return flushed(fd, SYS_fdatasync); }

static int named(const char *kind, int takes_room, int folder, const char *path, int other_folder,
                 const char *other, long number, long a, long b, long c, long d, long e) {
    char full[PATH_MAX] = "", second[PATH_MAX] = "";
    int watched = 0;
    if (control && control->mode != OFF) {
        absolute(full, folder, path);
        if (other) absolute(second, other_folder, other);
        watched = inside(full) || (other && inside(second));
    }
    if (watched) {
        int error = before(takes_room, 1);
        if (error) { errno = error; return -1; }
    }
    int done = syscall(number, a, b, c, d, e);
    if (watched && TRACED && !done) record(kind, full, second, 0, NULL, 0);
    return done;
}

#define L(x) ((long)(x))
int rename(const char *a, const char *b) {
    return named("rename", 0, AT_FDCWD, a, AT_FDCWD, b, SYS_renameat2, AT_FDCWD, L(a), AT_FDCWD,
                 L(b), 0);
}
int renameat(int f, const char *a, int g, const char *b) {
    return named("rename", 0, f, a, g, b, SYS_renameat2, f, L(a), g, L(b), 0);
}
int mkdir(const char *path, mode_t mode) {
    return named("mkdir", 1, AT_FDCWD, path, 0, NULL, SYS_mkdirat, AT_FDCWD, L(path), mode, 0, 0);
}
int mkdirat(int f, const char *path, mode_t mode) {
    return named("mkdir", 1, f, path, 0, NULL, SYS_mkdirat, f, L(path), mode, 0, 0);
}
int unlink(const char *path) {
    return named("unlink", 0, AT_FDCWD, path, 0, NULL, SYS_unlinkat, AT_FDCWD, L(path), 0, 0, 0);
}
int unlinkat(int f, const char *path, int flags) {
    return named(flags & AT_REMOVEDIR ? "rmdir" : "unlink", 0, f, path, 0, NULL, SYS_unlinkat, f,
                 L(path), flags, 0, 0);
}
int rmdir(const char *path) {
    return named("rmdir", 0, AT_FDCWD, path, 0, NULL, SYS_unlinkat, AT_FDCWD, L(path), AT_REMOVEDIR,
                 0, 0);
}
int link(const char *a, const char *b) {
    return named("link", 1, AT_FDCWD, a, AT_FDCWD, b, SYS_linkat, AT_FDCWD, L(a), AT_FDCWD, L(b), 0);
}
int linkat(int f, const char *a, int g, const char *b, int flags) {
    return named("link", 1, f, a, g, b, SYS_linkat, f, L(a), g, L(b), flags);
}

static int cut(int fd, int64_t length) {
    char path[PATH_MAX];
    int watched = control && control->mode != OFF && of_fd(path, fd) && inside(path);
    if (watched) {
        int error = before(1, 1);
        if (error) { errno = error; return -1; }
    }
    int done = syscall(SYS_ftruncate, fd, length);
    if (watched && TRACED && !done) record("truncate", path, NULL, length, NULL, 0);
    return done;
}
int ftruncate(int fd, off_t length) { return cut(fd, length); }
int ftruncate64(int fd, off64_t length) { return cut(fd, length); }
