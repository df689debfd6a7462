/* Reading answers as they come, for bench/load.c: HTTP/1.1 with a length or in chunks, and RESP's bulk strings. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef enum { MORE, WHOLE, NONSENSE } outcome_t;
typedef struct {
    enum { HEAD, BODY, CHUNK, CHUNK_BODY, TRAILER } state;
    int status_class;      /* the status code's first digit; of RESP: 2 for a value, 4 for none, 5 for an error */
    uint64_t left, length; /* octets of the body or chunk still to come; of the body */
} reader_t;
typedef outcome_t read_t(reader_t *, const uint8_t **, const uint8_t *);

/* Pass over what is left of a body or chunk. Whether it is all there. */
static int passed(reader_t *r, const uint8_t **at, const uint8_t *stop) {
    uint64_t there = (uint64_t)(stop - *at), part = r->left < there ? r->left : there;
    *at += part, r->left -= part;
    return !r->left;
}

/* The head of an answer, `stop` after its last line. False when it is none, or does not say where its body ends. */
static int read_head(reader_t *r, const uint8_t *at, const uint8_t *stop) {
    int framed = 0;
    if (stop - at < 14 || memcmp(at, "HTTP/1.1 ", 9) || at[9] < '1' || at[9] > '5') return 0;
    r->status_class = at[9] - '0';
    r->length = 0;
    while ((at = memchr(at, '\n', (size_t)(stop - at))) && ++at < stop) {
        if ((*at | 32) == 'c' && stop - at > 16 && !strncasecmp((const char *)at, "content-length:", 15)) {
            for (at += 15; *at == ' '; at++);
            for (framed++; *at >= '0' && *at <= '9'; at++) r->length = r->length * 10 + (uint64_t)(*at - '0');
            r->state = BODY;
        } else if ((*at | 32) == 't' && stop - at > 26 &&
                   !strncasecmp((const char *)at, "transfer-encoding: chunked", 26)) {
            framed++, r->state = CHUNK;
        }
    }
    r->left = r->length;
    return framed == 1;
}

/* Reads up to the end of one answer. `*at` goes forward over what has been taken in; with MORE the rest has to be given
   again, with what follows it. */
static outcome_t read_http(reader_t *r, const uint8_t **at, const uint8_t *stop) {
    for (;;) {
        const uint8_t *line;
        char *behind;
        switch (r->state) {
            case HEAD:
                line = memmem(*at, (size_t)(stop - *at), "\r\n\r\n", 4);
                if (!line) return MORE;
                if (!read_head(r, *at, line + 2)) return NONSENSE;
                *at = line + 4;
                break;
            case BODY:
                if (!passed(r, at, stop)) return MORE;
                r->state = HEAD;
                return WHOLE;
            case CHUNK_BODY:
                if (!passed(r, at, stop)) return MORE;
                r->state = CHUNK;
                break;
            case CHUNK:
                line = memchr(*at, '\n', (size_t)(stop - *at));
                if (!line) return MORE;
                r->left = strtoull((const char *)*at, &behind, 16);
                if (behind == (const char *)*at || (*behind != '\r' && *behind != ';')) return NONSENSE;
                r->length += r->left;
                r->state = r->left ? CHUNK_BODY : TRAILER;
                r->left += 2; /* the end of its line */
                *at = line + 1;
                break;
            case TRAILER:
                line = memchr(*at, '\n', (size_t)(stop - *at));
                if (!line) return MORE;
                if (line - *at == 1) r->state = HEAD;
                *at = line + 1;
                if (r->state == HEAD) return WHOLE;
        }
    }
}

static outcome_t read_resp(reader_t *r, const uint8_t **at, const uint8_t *stop) {
    if (r->state == HEAD) {
        const uint8_t *start = *at, *line = memchr(start, '\n', (size_t)(stop - start));
        if (!line) return MORE;
        if (line - start < 2 || (*start != '$' && *start != '-')) return NONSENSE;
        *at = line + 1;
        r->length = 0;
        r->status_class = *start == '-' ? 5 : start[1] == '-' ? 4 : 2;
        if (r->status_class != 2) return WHOLE;
        r->length = strtoull((const char *)start + 1, NULL, 10);
        r->left = r->length + 2;
        r->state = BODY;
    }
    if (!passed(r, at, stop)) return MORE;
    r->state = HEAD;
    return WHOLE;
}
