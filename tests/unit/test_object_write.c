/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_object_write - where the bytes of an object go
 *
 * A file is replaced whole or not at all, a link and a device stay what they
 * are, and standard output says what went wrong with it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../compiler/object.h"

static char folder[] = "/tmp/test_object.XXXXXX";

static int enter(void **state)
{
	(void)state;
	strcpy(folder + strlen(folder) - 6, "XXXXXX");
	return mkdtemp(folder) && !chdir(folder) ? 0 : -1;
}

static int leave(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return chdir("/") || system(command);
}

static void holds(const char *path, const char *text)
{
	char buf[64] = "";
	int fd = open(path, O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(read(fd, buf, sizeof(buf) - 1), strlen(text));
	assert_string_equal(buf, text);
	close(fd);
}

/* How many names there are in the folder. */
static void files_here(int want)
{
	FILE *p = popen("ls -A | wc -l", "r");
	int n = -1;

	assert_int_equal(fscanf(p, "%d", &n), 1);
	pclose(p);
	assert_int_equal(n, want);
}

static void a_file_is_replaced(void **state)
{
	mode_t old = umask(027);
	struct stat before, after;

	(void)state;
	assert_int_equal(object_write("p.o", "one", 3), 0);
	assert_int_equal(stat("p.o", &before), 0);
	assert_int_equal(before.st_mode & 0777, 0640);
	umask(old);
	assert_int_equal(object_write("./p.o", "two!", 4), 0);
	assert_int_equal(stat("p.o", &after), 0);
	assert_int_not_equal(before.st_ino, after.st_ino);
	holds("p.o", "two!");
	files_here(1);
}

static void links_stay_links(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(mkdir("real", 0755), 0);
	assert_int_equal(object_write("real/p.o", "one", 3), 0);
	assert_int_equal(symlink("real/p.o", "p.o"), 0);
	assert_int_equal(object_write("p.o", "two", 3), 0);
	holds("real/p.o", "two");
	assert_int_equal(lstat("p.o", &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	files_here(2);
}

static void what_is_no_file_stays(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(mkdir("dir", 0755), 0);
	assert_int_equal(object_write("dir", "one", 3), -EISDIR);
	assert_int_equal(object_write("dir/", "one", 3), -EISDIR);
	assert_int_equal(object_write("none/p.o", "one", 3), -ENOENT);
	assert_int_equal(object_write("/dev/null", "one", 3), 0);
	assert_int_equal(stat("/dev/null", &st), 0);
	assert_true(S_ISCHR(st.st_mode));
	assert_int_equal(object_write("/dev/full", "one", 3), -ENOSPC);
	assert_int_equal(stat("/dev/full", &st), 0);
	files_here(1);
}

/* A limit on the size of a file is a full disk, as far as write() can tell. */
static void a_full_disk_leaves_the_old(void **state)
{
	struct rlimit old, small;

	(void)state;
	assert_int_equal(object_write("p.o", "old", 3), 0);
	getrlimit(RLIMIT_FSIZE, &old);
	small = old;
	small.rlim_cur = 4;
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &small);
	assert_int_equal(object_write("p.o", "longer", 6), -EFBIG);
	setrlimit(RLIMIT_FSIZE, &old);
	signal(SIGXFSZ, SIG_DFL);
	holds("p.o", "old");
	files_here(1);
}

static int saved = -1;

static void redirect(int fd)
{
	fflush(stdout);
	saved = dup(STDOUT_FILENO);
	dup2(fd, STDOUT_FILENO);
	close(fd);
}

static void restore(void)
{
	dup2(saved, STDOUT_FILENO);
	close(saved);
}

static void dash_is_standard_output(void **state)
{
	int ends[2], err;
	char buf[8] = "";

	(void)state;
	assert_int_equal(pipe(ends), 0);
	redirect(ends[1]);
	err = object_write("-", "one", 3);
	restore();
	assert_int_equal(err, 0);
	assert_int_equal(read(ends[0], buf, sizeof(buf)), 3);
	assert_string_equal(buf, "one");
	close(ends[0]);
	redirect(open("/dev/full", O_WRONLY));
	err = object_write("-", "one", 3);
	restore();
	assert_int_equal(err, -ENOSPC);
}

static void a_closed_pipe_is_an_error(void **state)
{
	int ends[2], err;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	close(ends[0]);
	signal(SIGPIPE, SIG_IGN);
	redirect(ends[1]);
	err = object_write("-", "one", 3);
	restore();
	signal(SIGPIPE, SIG_DFL);
	assert_int_equal(err, -EPIPE);
}

/* What /dev/stdout leads to is written to, and never renamed over. */
static void standard_output_by_name(void **state)
{
	int fd = open("out", O_RDWR | O_CREAT, 0600), err;
	struct stat before, after;

	(void)state;
	fstat(fd, &before);
	redirect(fd);
	err = object_write("/dev/stdout", "one", 3);
	restore();
	assert_int_equal(err, 0);
	assert_int_equal(stat("out", &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	holds("out", "one");
	files_here(1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_is_replaced),
		TEST(links_stay_links),
		TEST(what_is_no_file_stays),
		TEST(a_full_disk_leaves_the_old),
		TEST(dash_is_standard_output),
		TEST(a_closed_pipe_is_an_error),
		TEST(standard_output_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
