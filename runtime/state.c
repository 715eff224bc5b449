/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * state - what skpol keeps in the bpf file system, folder by folder
 *
 * In: names. Out: descriptors, folders. Promise: nothing is mounted; a folder
 * that another user could have prepared is refused; a deletion that dies
 * half way is finished by the next command.
 */
#include "state.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>

#include "auto.h"
#include "generation.h"
#include "link.h"
#include "slots.h"

enum { LOCK_WAIT_MS = 10000, LOCK_STEP_MS = 5, LOCK_TRIES = 100 };

char *state_path(const struct skpol *s, char path[PATH_MAX], const char *fmt,
		 ...)
{
	size_t n = strlen(s->dir);
	va_list ap;

	memcpy(path, s->dir, n);
	path[n] = '/';
	va_start(ap, fmt);
	vsnprintf(path + n + 1, PATH_MAX - n - 1, fmt, ap);
	va_end(ap);
	return path;
}

static int check_bpffs(struct skpol *s)
{
	char path[DIR_MAX];
	struct statfs fs;

	strcpy(path, s->root);
	*strrchr(path, '/') = '\0';
	if (statfs(*path ? path : "/", &fs) || fs.f_type != BPF_FS_MAGIC)
		return fail_system(s, -ENODEV, "there is no bpf file system at "
				   "%s: `mount -t bpf bpf %s`, or name "
				   "another with --bpffs (`ip netns exec` "
				   "hides it: use --netns instead)", path,
				   path);
	return 0;
}

/* PATH must be a folder into which nobody but root and we can write. */
static int check_owner(struct skpol *s, const char *path)
{
	struct stat st;

	if (lstat(path, &st))
		return errno == ENOENT ? -ENOENT :
			fail_system(s, -errno, "cannot read %s: %s; be root, "
				    "or let a group read it (skpol(8), "
				    "PRIVILEGES)", path, strerror(errno));
	if (!S_ISDIR(st.st_mode) || (st.st_uid && st.st_uid != geteuid()) ||
	    st.st_mode & 022)
		return fail_system(s, -EACCES, "%s belongs to user %u or can "
				   "be written by others: look at it, and "
				   "delete it", path, (unsigned int)st.st_uid);
	return 0;
}

int state_find(struct skpol *s)
{
	int err = check_bpffs(s);

	if (!err)
		err = check_owner(s, s->root);
	return err ? err : check_owner(s, s->dir);
}

static bool has_bits(const char *path, mode_t bits)
{
	struct stat st;

	return !stat(path, &st) && (st.st_mode & bits) == bits;
}

/*
 * Where the group may read what is in a folder, also with a strict umask. Who
 * is not in the group loses the bit by any chmod, for want of CAP_FSETID.
 */
static void share_folder(const struct skpol *s, const char *path, mode_t mode)
{
	const mode_t shared = S_ISGID | S_IRGRP | S_IXGRP;

	if (!(mode & S_IXOTH) || !has_bits(path, S_ISGID) ||
	    has_bits(path, shared))
		return;
	if (chmod(path, 02750) || !has_bits(path, shared))
		note(s, "the group of %s may not read what is in it: needs "
		     "CAP_FSETID, or a umask of 027 or 022", path);
}

static int make(struct skpol *s, const char *path, mode_t mode)
{
	if (!mkdir(path, mode)) {
		share_folder(s, path, mode);
		return 0;
	}
	if (errno == EEXIST)
		return 0;
	if (errno == ENOENT)
		return -EAGAIN;		/* somebody deletes the state */
	return fail_bpf(s, -errno, "make a folder in the bpf file system");
}

static int make_all(struct skpol *s, const char *lock)
{
	int err = check_bpffs(s);

	if (!err)
		err = make(s, s->root, 0755);
	if (!err)
		err = check_owner(s, s->root);
	if (!err)
		err = make(s, s->dir, 0755);
	if (!err)
		err = check_owner(s, s->dir);
	if (err == -ENOENT)
		err = -EAGAIN;
	return err ? err : make(s, lock, 0700);
}

static int wait_for(int fd)
{
	struct timespec step = { .tv_nsec = LOCK_STEP_MS * 1000000L };

	for (int ms = 0; flock(fd, LOCK_EX | LOCK_NB); ms += LOCK_STEP_MS) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (ms >= LOCK_WAIT_MS)
			return -EBUSY;
		nanosleep(&step, NULL);
	}
	return 0;
}

/* The descriptor, -EAGAIN when the folder went away meanwhile. */
static int lock_once(struct skpol *s, const char *path)
{
	AUTO_FD fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat held, now;
	int err;

	if (fd < 0 && errno == ENOENT)
		return -EAGAIN;
	if (fd < 0)
		return fail_bpf(s, -errno, "change the state of this "
				"namespace");
	err = wait_for(fd);
	if (err == -EBUSY)
		return fail_system(s, err, "another skpol command has been "
				   "changing this namespace for %d seconds: "
				   "nothing was done", LOCK_WAIT_MS / 1000);
	if (err)
		return fail_system(s, err, "cannot lock %s: %s", path,
				   strerror(-err));
	if (fstat(fd, &held) || stat(path, &now) || held.st_ino != now.st_ino)
		return -EAGAIN;
	return take_fd(&fd);
}

int state_lock(struct skpol *s)
{
	char path[PATH_MAX];
	int fd = -EAGAIN;

	state_path(s, path, "lock");
	for (int i = 0; fd == -EAGAIN && i < LOCK_TRIES; i++) {
		fd = make_all(s, path);
		if (!fd)
			fd = lock_once(s, path);
	}
	if (fd == -EAGAIN)
		return fail_system(s, -EBUSY, "the state of this namespace is "
				   "being deleted again and again");
	return fd;
}

static int get(const struct skpol *s, const char *name, __u32 flags)
{
	LIBBPF_OPTS(bpf_obj_get_opts, o, .file_flags = flags);
	char path[PATH_MAX];

	return bpf_obj_get_opts(state_path(s, path, "%s", name), &o);
}

int pin_get(const struct skpol *s, const char *name)
{
	return get(s, name, 0);
}

int pin_get_readonly(const struct skpol *s, const char *name)
{
	return get(s, name, BPF_F_RDONLY);
}

/*
 * Where the folder gives its group to what is made in it (chmod g+s), the
 * group may read: maps, but not the link, which whoever opens can change, nor
 * packets.
 */
static int share(const struct skpol *s, const char *path)
{
	const char *name = strrchr(path, '/') + 1;
	struct stat st;

	if (!strcmp(name, "link") || !strcmp(name, "events") ||
	    stat(s->dir, &st) || !(st.st_mode & S_ISGID))
		return 0;
	return chmod(path, 0640) ? -errno : 0;
}

int pin_put(struct skpol *s, int fd, const char *name)
{
	char path[PATH_MAX];
	int err = bpf_obj_pin(fd, state_path(s, path, "%s", name));

	if (!err)
		err = share(s, path);
	return err ? fail_bpf(s, err, "pin into the bpf file system") : 0;
}

int pin_delete(struct skpol *s, const char *name)
{
	char path[PATH_MAX];

	if (unlink(state_path(s, path, "%s", name)) && errno != ENOENT)
		return fail_system(s, -errno, "cannot delete %s: %s", path,
				   strerror(errno));
	return 0;
}

int folder_make(struct skpol *s, const char *name)
{
	char path[PATH_MAX];

	if (mkdir(state_path(s, path, "%s", name), 0755))
		return fail_system(s, -errno, "cannot make %s: %s", path,
				   strerror(errno));
	share_folder(s, path, 0755);
	return 0;
}

/* Deletes PATH and what is in it, folders included. 0 or negative errno. */
static int delete_tree(const char *path)
{
	AUTO_DIR dir = opendir(path);
	struct dirent *e;
	int err = 0;

	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while (!err && (e = readdir(dir))) {
		char sub[PATH_MAX];

		if (e->d_name[0] == '.')
			continue;
		if (snprintf(sub, sizeof(sub), "%s/%s", path, e->d_name) >=
		    (int)sizeof(sub))
			return -ENAMETOOLONG;
		if (unlink(sub))
			err = errno == EISDIR || errno == EPERM ?
				delete_tree(sub) : -errno;
		if (err == -ENOENT)
			err = 0;
	}
	if (!err && rmdir(path) && errno != ENOENT)
		err = -errno;
	return err;
}

static int delete_old(struct skpol *s)
{
	char path[PATH_MAX];
	int err = delete_tree(state_path(s, path, "old"));

	return err ? fail_system(s, err, "cannot delete %s: %s", path,
				 strerror(-err)) : 0;
}

int folder_delete(struct skpol *s, const char *name)
{
	char from[PATH_MAX], to[PATH_MAX];
	int err = delete_old(s);

	if (err)
		return err;
	state_path(s, from, "%s", name);
	if (rename(from, state_path(s, to, "old")))
		return errno == ENOENT ? 0 :
			fail_system(s, -errno, "cannot delete %s: %s", from,
				    strerror(errno));
	return delete_old(s);
}

int state_sweep(struct skpol *s)
{
	int err = delete_old(s);

	return err ? err : folder_delete(s, "new");
}

int state_delete(struct skpol *s)
{
	char path[PATH_MAX];
	AUTO_DIR dir = opendir(s->dir);
	struct dirent *e;
	struct stat st;
	int err = 0;

	while (!err && dir && (e = readdir(dir))) {
		if (e->d_name[0] == '.' || !strcmp(e->d_name, "lock"))
			continue;
		if (unlink(state_path(s, path, "%s", e->d_name)))
			err = delete_tree(path);
	}
	if (err)
		return fail_system(s, err, "cannot delete %s: %s", path,
				   strerror(-err));
	rmdir(state_path(s, path, "lock"));
	rmdir(s->dir);
	if (!stat(s->root, &st) && !(st.st_mode & S_ISGID))
		rmdir(s->root);	/* stays while another namespace has state,
				 * or when somebody chose who may read */
	return 0;
}

/*
 * Whether the namespace of S is gone, or at least nothing of ours is left to
 * lose there: nothing attached, no generation to repair, no socket. A socket
 * keeps its namespace alive, so a dead one has none.
 */
static bool is_dead(struct skpol *s)
{
	struct link_view link;
	struct slots slots;
	size_t n = 0;
	bool any = false;
	int err;

	if (link_view(s, &link))
		return false;
	link_close(&link);
	if (link.state == LINK_ALIVE ||
	    (link.state == LINK_NONE && generation_list(s, NULL, &n)) || n)
		return false;
	err = slots_open(s, &slots, false);
	if (err)
		return err == -ENOENT || err == -EUCLEAN;
	for (size_t i = 0; i < slots.n && !any; i++)
		any = slot_cookie(&slots, slots.v[i].slot) != 0;
	slots_close(&slots);
	return !any;
}

static void sweep_one(struct skpol *other)
{
	char path[PATH_MAX];
	AUTO_FD fd = open(state_path(other, path, "lock"),
			  O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 && errno != ENOENT)
		return;
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB))
		return;
	if (is_dead(other))
		state_delete(other);
}

void state_sweep_dead(const struct skpol *s)
{
	AUTO_DIR dir = opendir(s->root);
	struct dirent *e;

	while (dir && (e = readdir(dir))) {
		struct skpol other = { .netns = -1 };

		if (e->d_name[0] != '.' && strcmp(e->d_name, s->identity) &&
		    !handle_set_folders(&other, s->root, e->d_name))
			sweep_one(&other);
	}
}
