/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * source - the text of a policy: its files, and places in them
 *
 * In: a path or text in memory. Out: a numbered file whose bytes are followed
 * by two NULs, and line and column of any offset. Promise: what is shown of a
 * file's name never depends on where the main file lies; a file that cannot
 * be read adds nothing and closes what it opened, memory running out included.
 */
#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <sha2.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arena.h"

enum { SOURCE_MAX = 1 << 30, READ_STEP = 1 << 16 };

void source_init(struct source_set *s, struct arena *a)
{
	memset(s, 0, sizeof(*s));
	s->arena = a;
}

static int add_file(struct source_set *s, const struct source_file *f)
{
	*arena_push(s->arena, s->files, s->nfiles, s->cap) = *f;
	return (int)s->nfiles - 1;
}

int source_add(struct source_set *s, const char *name, const char *text,
	       size_t size)
{
	struct source_file f = { .size = size };
	char *copy;

	if (size > SOURCE_MAX)
		return -EFBIG;
	copy = arena_alloc(s->arena, size + 2);
	if (size)
		memcpy(copy, text, size);
	f.text = copy;
	f.name = arena_strdup(s->arena, name);
	f.path = f.name;
	return add_file(s, &f);
}

/* Reads FD to its end into F; HINT is the size to expect. */
static int read_all(struct arena *a, int fd, size_t hint,
		    struct source_file *f)
{
	size_t cap = 0, n = 0;
	char *text = NULL;

	for (;;) {
		size_t room = n < hint ? hint - n + 1 : READ_STEP;
		ssize_t got;

		if (n + room + 2 > cap)
			text = arena_grow(a, text, &cap, n + room + 2, 1);
		got = read(fd, text + n, room);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (!got)
			break;
		n += (size_t)got;
		if (n > SOURCE_MAX)
			return -EFBIG;
	}
	memset(text + n, 0, 2);
	f->text = text;
	f->size = n;
	return 0;
}

/* read_all, but running out of memory is an errno here: FD must be closed. */
static int read_file(struct arena *a, int fd, struct source_file *f)
{
	jmp_buf *outer = a->exhausted;
	jmp_buf here;
	struct stat st;
	int err;

	if (fstat(fd, &st))
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (st.st_size > SOURCE_MAX)
		return -EFBIG;
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	a->exhausted = &here;
	if (setjmp(here))
		err = -ENOMEM;
	else
		err = read_all(a, fd, (size_t)st.st_size, f);
	a->exhausted = outer;
	return err;
}

/* The length of the folder part of PATH, its last slash included. */
static int folder(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (int)(slash - path) + 1 : 0;
}

/* Drops "./" and "x/../" from a name that is only shown. */
static char *tidy(char *name)
{
	char *in = name, *out = name;

	while (*in) {
		size_t n = strcspn(in, "/");
		bool slash = in[n] == '/';
		bool up = n == 2 && !memcmp(in, "..", 2);
		char *last = out;

		while (last > name && (last == out || last[-1] != '/'))
			last--;
		if (up && out > name && strncmp(last, "../", 3) &&
		    strcmp(last, "/")) {
			out = last;
		} else if (!(n == 1 && *in == '.') && (n || in == name)) {
			memmove(out, in, n + slash);
			out += n + slash;
		}
		in += n + slash;
	}
	*out = '\0';
	return name;
}

static void name_file(struct source_set *s, const char *path, int from,
		      struct source_file *f)
{
	const struct source_file *parent;
	struct arena *a = s->arena;

	f->path = arena_strdup(a, path);
	if (from < 0) {
		f->name = strcmp(path, "-") ? f->path + folder(path) :
			"<stdin>";
		return;
	}
	f->name = f->path;
	if (*path == '/')
		return;
	parent = &s->files[from];
	f->path = arena_printf(a, "%.*s%s", folder(parent->path),
			       parent->path, path);
	f->name = tidy(arena_printf(a, "%.*s%s", folder(parent->name),
				    parent->name, path));
}

int source_open(struct source_set *s, const char *path, int from)
{
	bool stdin_wanted = from < 0 && !strcmp(path, "-");
	struct source_file f = { 0 };
	int fd = STDIN_FILENO, err;

	name_file(s, path, from, &f);
	if (!stdin_wanted)
		fd = open(f.path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return -errno;
	err = read_file(s->arena, fd, &f);
	if (!stdin_wanted)
		close(fd);
	return err ? err : add_file(s, &f);
}

static void index_lines(struct arena *a, struct source_file *f)
{
	const char *p = f->text, *end = f->text + f->size;
	size_t n = 1, i = 0;

	while ((p = memchr(p, '\n', (size_t)(end - p)))) {
		n++;
		p++;
	}
	f->lines = arena_array(a, n, sizeof(*f->lines));
	f->nlines = n;
	p = f->text;
	while (++i < n) {
		p = (const char *)memchr(p, '\n', (size_t)(end - p)) + 1;
		f->lines[i] = (uint32_t)(p - f->text);
	}
}

static struct source_file *indexed(struct source_set *s, uint32_t file)
{
	struct source_file *f = &s->files[file];

	if (!f->lines)
		index_lines(s->arena, f);
	return f;
}

struct source_position source_position(struct source_set *s, uint32_t file,
				       uint32_t offset)
{
	const struct source_file *f = indexed(s, file);
	size_t low = 0, high = f->nlines;
	struct source_position p;

	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;

		if (f->lines[mid] <= offset)
			low = mid;
		else
			high = mid;
	}
	p.line = (uint32_t)low + 1;
	p.column = offset - f->lines[low] + 1;
	return p;
}

const char *source_line(struct source_set *s, uint32_t file, uint32_t line,
			size_t *len)
{
	const struct source_file *f = indexed(s, file);
	size_t begin, end;

	*len = 0;
	if (!line || line > f->nlines)
		return "";
	begin = f->lines[line - 1];
	end = line < f->nlines ? f->lines[line] - 1 : f->size;
	if (end > begin && f->text[end - 1] == '\r')
		end--;
	*len = end - begin;
	return f->text + begin;
}

void source_digest(const struct source_set *s, char hex[65])
{
	SHA2_CTX c;

	SHA256Init(&c);
	for (size_t i = 0; i < s->nfiles; i++) {
		const struct source_file *f = &s->files[i];
		uint8_t size[8];

		for (int b = 0; b < 8; b++)
			size[b] = (uint8_t)((uint64_t)f->size >> (8 * b));
		SHA256Update(&c, (const uint8_t *)f->name,
			     strlen(f->name) + 1);
		SHA256Update(&c, size, sizeof(size));
		SHA256Update(&c, (const uint8_t *)f->text, f->size);
	}
	SHA256End(&c, hex);
}
