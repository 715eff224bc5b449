/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * blob - text that lives in a map, compressed, for the bpf file system has
 * no files
 *
 * The map is an ARRAY of chunks of 64 KiB: 8 bytes of magic, the size of the
 * text and of its zlib form as 64-bit host order, then that. Chunks and not
 * one value, because kernels before 5.11 stop at 4 MiB a value.
 */
#include "blob.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <zlib.h>

#include "auto.h"

enum { CHUNK = 65536, TEXT_MAX = 1 << 30 };

struct head {
	char magic[8];
	uint64_t text, packed;
};

static const char magic[8] = "skpolB1";

static int write_chunks(int fd, const char *bytes, size_t chunks)
{
	int err = 0;

	for (__u32 i = 0; !err && i < chunks; i++)
		err = bpf_map_update_elem(fd, &i, bytes + (size_t)i * CHUNK,
					  BPF_ANY);
	return err ? err : bpf_map_freeze(fd);
}

/* HEAD and the compressed TEXT, filled up to whole chunks. */
static char *pack(const char *text, size_t *chunks)
{
	struct head h = { .text = strlen(text) };
	uLongf packed = compressBound(h.text);
	char *bytes = calloc(1, sizeof(h) + packed + CHUNK);

	if (!bytes || compress2((Bytef *)bytes + sizeof(h), &packed,
				(const Bytef *)text, h.text, 6) != Z_OK) {
		free(bytes);
		return NULL;
	}
	memcpy(h.magic, magic, sizeof(magic));
	h.packed = packed;
	memcpy(bytes, &h, sizeof(h));
	*chunks = (sizeof(h) + packed + CHUNK - 1) / CHUNK;
	memset(bytes + sizeof(h) + packed, 0,
	       *chunks * CHUNK - sizeof(h) - packed);
	return bytes;
}

int blob_write(struct skpol *s, const char *name, const json_t *j)
{
	AUTO_FREE char *text = json_dumps(j, JSON_COMPACT);
	size_t chunks = 0;
	AUTO_FREE char *bytes = text ? pack(text, &chunks) : NULL;
	AUTO_FD fd = -1;
	int err;

	if (!bytes)
		return fail_memory(s);
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, name, sizeof(__u32), CHUNK,
			    (__u32)chunks, NULL);
	if (fd < 0)
		return fail_bpf(s, fd, "make a map");
	err = write_chunks(fd, bytes, chunks);
	return err ? fail_bpf(s, err, "write a map") : take_fd(&fd);
}

static char *read_chunks(int fd, size_t *size)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);
	char *bytes;

	if (bpf_obj_get_info_by_fd(fd, &info, &len) ||
	    info.type != BPF_MAP_TYPE_ARRAY || info.value_size != CHUNK ||
	    info.max_entries > TEXT_MAX / CHUNK)
		return NULL;
	*size = (size_t)info.max_entries * CHUNK;
	bytes = malloc(*size);
	for (__u32 i = 0; bytes && i < info.max_entries; i++) {
		if (bpf_map_lookup_elem(fd, &i, bytes + (size_t)i * CHUNK)) {
			free(bytes);
			return NULL;
		}
	}
	return bytes;
}

static json_t *unpack(const char *bytes, size_t size)
{
	AUTO_FREE char *text = NULL;
	struct head h;
	uLongf n;

	memcpy(&h, bytes, sizeof(h));
	if (memcmp(h.magic, magic, sizeof(magic)) || h.text > TEXT_MAX ||
	    h.packed > size - sizeof(h))
		return NULL;
	n = h.text;
	text = malloc(n + 1);
	if (!text || uncompress((Bytef *)text, &n, (const Bytef *)bytes +
				sizeof(h), h.packed) != Z_OK || n != h.text)
		return NULL;
	return json_loadb(text, n, 0, NULL);
}

json_t *blob_read(struct skpol *s, int fd)
{
	size_t size;
	AUTO_FREE char *bytes = read_chunks(fd, &size);
	json_t *j = bytes ? unpack(bytes, size) : NULL;

	if (!j)
		fail_system(s, -EUCLEAN, "the state in %s is damaged: apply "
			    "the policy again", s->dir);
	return j;
}
