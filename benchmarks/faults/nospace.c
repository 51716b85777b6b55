/* Preloaded, it lets the n-th call that writes below a folder fail with ENOSPC, and every one after it: a full disk.
   -n lets that one call fail alone. For n = 0 nothing fails, but calls are counted. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static int armed;
static long fail_at, calls;
static char root[PATH_MAX];
static size_t root_length;

void faults_arm(long n, const char *folder) {
  if (!realpath(folder, root)) abort();
  root_length = strlen(root);
  fail_at = n;
  calls = 0;
  armed = 1;
}

/* The count of a run that ends well, for who wants to know how many calls there are. */
__attribute__((destructor)) static void tell(void) {
  const char *path = getenv("FAULTS_CALLS");
  if (!armed || fail_at != 0 || !path) return;
  armed = 0;
  FILE *file = fopen(path, "w");
  if (file) {
    fprintf(file, "%ld\n", calls);
    fclose(file);
  }
}

static int full(void) {
  ++calls;
  if (fail_at < 0 ? calls != -fail_at : fail_at == 0 || calls < fail_at) return 0;
  errno = ENOSPC;
  return 1;
}

static int full_handle(int handle) {
  if (!armed || handle <= 2) return 0;
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", handle);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return strncmp(path, root, root_length) == 0 && full();
}

static int full_path(int folder, const char *path) {
  if (!armed || !path) return 0;
  if (path[0] != '/') {
    char link[64], base[PATH_MAX];
    snprintf(link, sizeof link, folder == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", folder);
    ssize_t length = readlink(link, base, sizeof base - 1);
    if (length < 0) return 0;
    base[length] = 0;
    return strncmp(base, root, root_length) == 0 && full();
  }
  return strncmp(path, root, root_length) == 0 && full();
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define ON_HANDLE(type, name, parameters, arguments)  \
  type name parameters {                              \
    if (full_handle(handle)) return -1;               \
    return REAL(name) arguments;                      \
  }

ON_HANDLE(ssize_t, write, (int handle, const void *data, size_t size), (handle, data, size))
ON_HANDLE(ssize_t, pwrite, (int handle, const void *data, size_t size, off_t at), (handle, data, size, at))
ON_HANDLE(ssize_t, pwrite64, (int handle, const void *data, size_t size, off64_t at), (handle, data, size, at))
ON_HANDLE(ssize_t, writev, (int handle, const struct iovec *parts, int count), (handle, parts, count))
ON_HANDLE(int, ftruncate, (int handle, off_t size), (handle, size))
ON_HANDLE(int, ftruncate64, (int handle, off64_t size), (handle, size))
ON_HANDLE(int, fsync, (int handle), (handle))
ON_HANDLE(int, fdatasync, (int handle), (handle))

#define ON_OPEN(name)                                                        \
  int name(const char *path, int flags, ...) {                               \
    va_list more;                                                            \
    va_start(more, flags);                                                   \
    mode_t mode = flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(more, mode_t) : 0;  \
    va_end(more);                                                            \
    if (flags & O_CREAT && full_path(AT_FDCWD, path)) return -1;             \
    return REAL(name)(path, flags, mode);                                    \
  }
#define ON_OPENAT(name)                                                      \
  int name(int folder, const char *path, int flags, ...) {                   \
    va_list more;                                                            \
    va_start(more, flags);                                                   \
    mode_t mode = flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(more, mode_t) : 0;  \
    va_end(more);                                                            \
    if (flags & O_CREAT && full_path(folder, path)) return -1;               \
    return REAL(name)(folder, path, flags, mode);                            \
  }

ON_OPEN(open)
ON_OPEN(open64)
ON_OPENAT(openat)
ON_OPENAT(openat64)

int mkdir(const char *path, mode_t mode) { return full_path(AT_FDCWD, path) ? -1 : REAL(mkdir)(path, mode); }

int rename(const char *from, const char *to) { return full_path(AT_FDCWD, to) ? -1 : REAL(rename)(from, to); }

int renameat2(int one, const char *from, int other, const char *to, unsigned flags) {
  return full_path(other, to) ? -1 : REAL(renameat2)(one, from, other, to, flags);
}
