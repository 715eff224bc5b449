/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ring - the reading end of a BPF ring buffer
 *
 * In: three mappings of the map: our position, the kernel's, the records, the
 * latter twice in a row, so that none is ever in two pieces.
 */
#include "ring.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

enum { HEADER = BPF_RINGBUF_HDR_SZ };

int ring_open(struct ring *r, int fd)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);
	void *p;
	int err = bpf_obj_get_info_by_fd(fd, &info, &len);

	*r = (struct ring){ .fd = fd, .size = info.max_entries,
			    .page = (size_t)sysconf(_SC_PAGESIZE) };
	if (err)
		return err;
	if (info.type != BPF_MAP_TYPE_RINGBUF)
		return -EINVAL;
	p = mmap(NULL, r->page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	r->consumer = p;
	p = mmap(NULL, r->page + 2 * r->size, PROT_READ, MAP_SHARED, fd,
		 (off_t)r->page);
	if (p == MAP_FAILED) {
		err = -errno;
		ring_close(r);
		return err;
	}
	r->producer = p;
	r->data = (uint8_t *)p + r->page;
	return 0;
}

void ring_close(struct ring *r)
{
	if (r->consumer)
		munmap(r->consumer, r->page);
	if (r->producer)
		munmap((void *)r->producer, r->page + 2 * r->size);
	*r = (struct ring){ .fd = -1 };
}

static size_t rounded(size_t size)
{
	return (size + HEADER + 7) & ~(size_t)7;
}

void ring_done(struct ring *r, size_t size)
{
	__atomic_store_n(r->consumer, *r->consumer + rounded(size),
			 __ATOMIC_RELEASE);
}

const void *ring_next(struct ring *r, size_t *size)
{
	while (r->consumer &&
	       *r->consumer < __atomic_load_n(r->producer, __ATOMIC_ACQUIRE)) {
		const uint8_t *at = r->data + (*r->consumer & (r->size - 1));
		uint32_t head = __atomic_load_n((const uint32_t *)at,
						__ATOMIC_ACQUIRE);

		if (head & BPF_RINGBUF_BUSY_BIT)
			return NULL;
		*size = head & ~(BPF_RINGBUF_BUSY_BIT |
				 BPF_RINGBUF_DISCARD_BIT);
		if (!(head & BPF_RINGBUF_DISCARD_BIT))
			return at + HEADER;
		ring_done(r, *size);
	}
	return NULL;
}
