/* One dependent memory access after another: the floor that lookups are measured against. Built by bench/lookups.py. */
#include <stdint.h>
#include <stddef.h>

/* Make `next` one random cycle over n entries (Sattolo), each entry on a cache line of its own: stride 8 words. */
void make_cycle(uint64_t *next, size_t n, uint64_t seed) {
    for (size_t i = 0; i < n; i++) next[i * 8] = i;
    for (size_t i = n - 1; i > 0; i--) {
        seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
        size_t j = (size_t)((seed >> 33) % i);
        uint64_t t = next[i * 8]; next[i * 8] = next[j * 8]; next[j * 8] = t;
    }
}

uint64_t chase(const uint64_t *next, size_t steps, uint64_t at) {
    for (size_t i = 0; i < steps; i++) at = next[at * 8];
    return at;
}
