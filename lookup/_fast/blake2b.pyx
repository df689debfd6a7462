"""BLAKE2b (RFC 7693), keyed or not, for what is hashed on every request: credentials, subjects, the audit's chain.

The same digests as hashlib.blake2b, which is held against it and is what plain Python uses. A call into hashlib costs
one to two microseconds, and a request needs three; here each is a tenth of one, without the GIL. Nothing branches or
looks up by what is hashed. Not for passwords: those are hashed slowly, by hashlib.scrypt.
"""

from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy, memset

cdef enum:
    BLOCK = 128
    WORDS = 16
    MAX_OUT = 64

cdef extern from *:
    """
    static const uint64_t flr_blake2b_iv[8] = {
        0x6A09E667F3BCC908u, 0xBB67AE8584CAA73Bu, 0x3C6EF372FE94F82Bu, 0xA54FF53A5F1D36F1u,
        0x510E527FADE682D1u, 0x9B05688C2B3E6C1Fu, 0x1F83D9ABFB41BD6Bu, 0x5BE0CD19137E2179u};

    /* The order in which each round takes the words of a block; the last two rounds are the first two again. */
    #define FLR_SIGMA(R) \\
        R( 0, 1, 2, 3, 4, 5, 6, 7, 8, 9,10,11,12,13,14,15) R(14,10, 4, 8, 9,15,13, 6, 1,12, 0, 2,11, 7, 5, 3) \\
        R(11, 8,12, 0, 5, 2,15,13,10,14, 3, 6, 7, 1, 9, 4) R( 7, 9, 3, 1,13,12,11,14, 2, 6, 5,10, 4, 0,15, 8) \\
        R( 9, 0, 5, 7, 2, 4,10,15,14, 1,11,12, 6, 8, 3,13) R( 2,12, 6,10, 0,11, 8, 3, 4,13, 7, 5,15,14, 1, 9) \\
        R(12, 5, 1,15,14,13, 4,10, 0, 7, 6, 3, 9, 2, 8,11) R(13,11, 7,14,12, 1, 3, 9, 5, 0,15, 4, 8, 6, 2,10) \\
        R( 6,15,14, 9,11, 3, 0, 8,12, 2,13, 7, 1, 4,10, 5) R(10, 2, 8, 4, 7, 6, 1, 5,15,11, 9,14, 3,12,13, 0) \\
        R( 0, 1, 2, 3, 4, 5, 6, 7, 8, 9,10,11,12,13,14,15) R(14,10, 4, 8, 9,15,13, 6, 1,12, 0, 2,11, 7, 5, 3)
    #define FLR_ROTATE(x, n) ((x) >> (n) | (x) << (64 - (n)))
    #define FLR_MIX(a, b, c, d, x, y) \\
        v[a] += v[b] + m[x]; v[d] = FLR_ROTATE(v[d] ^ v[a], 32); v[c] += v[d]; v[b] = FLR_ROTATE(v[b] ^ v[c], 24); \\
        v[a] += v[b] + m[y]; v[d] = FLR_ROTATE(v[d] ^ v[a], 16); v[c] += v[d]; v[b] = FLR_ROTATE(v[b] ^ v[c], 63);
    #define FLR_ROUND(s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14, s15) \\
        FLR_MIX(0, 4,  8, 12, s0, s1)  FLR_MIX(1, 5,  9, 13, s2, s3) \\
        FLR_MIX(2, 6, 10, 14, s4, s5)  FLR_MIX(3, 7, 11, 15, s6, s7) \\
        FLR_MIX(0, 5, 10, 15, s8, s9)  FLR_MIX(1, 6, 11, 12, s10, s11) \\
        FLR_MIX(2, 7,  8, 13, s12, s13) FLR_MIX(3, 4,  9, 14, s14, s15)

    static void flr_blake2b_compress(uint64_t *h, const uint64_t *m, uint64_t octets, int last) {
        uint64_t v[16];
        int i;
        for (i = 0; i < 8; i++) { v[i] = h[i]; v[i + 8] = flr_blake2b_iv[i]; }
        v[12] ^= octets;
        if (last) v[14] = ~v[14];
        FLR_SIGMA(FLR_ROUND)
        for (i = 0; i < 8; i++) h[i] ^= v[i] ^ v[i + 8];
    }
    """
    const uint64_t* flr_blake2b_iv
    void flr_blake2b_compress(uint64_t* h, const uint64_t* m, uint64_t octets, int last) noexcept nogil


cdef void c_blake2b(
    uint8_t* out, size_t out_size, const uint8_t* key, size_t key_size, const uint8_t* data, size_t size
) noexcept nogil:
    """Write the digest of `data`: `out_size` octets (1 to 64), keyed with `key_size` octets (at most 64; 0 is no key).

    Words are little-endian, as the machine's are (lookup.generation refuses any other).
    """
    cdef uint64_t h[8]
    cdef uint64_t m[WORDS]
    cdef uint64_t hashed = 0
    memcpy(h, flr_blake2b_iv, sizeof(h))
    h[0] ^= 0x01010000 ^ (key_size << 8) ^ out_size
    if key_size:
        memset(m, 0, sizeof(m))
        memcpy(m, key, key_size)
        hashed = BLOCK
        flr_blake2b_compress(h, m, hashed, not size)
    while size > BLOCK:
        memcpy(m, data, BLOCK)
        hashed += BLOCK
        flr_blake2b_compress(h, m, hashed, False)
        data += BLOCK
        size -= BLOCK
    if size or not key_size:
        memset(m, 0, sizeof(m))
        if size:
            memcpy(m, data, size)
        flr_blake2b_compress(h, m, hashed + size, True)
    memcpy(out, h, out_size)


cdef void c_blake2b_key(uint64_t* state, size_t out_size, const uint8_t* key, size_t key_size) noexcept nogil:
    """Write the 8 words of state that a key of 1 to 64 octets makes: half of the work, when what is hashed is short."""
    cdef uint64_t m[WORDS]
    memcpy(state, flr_blake2b_iv, 64)
    state[0] ^= 0x01010000 ^ (key_size << 8) ^ out_size
    memset(m, 0, sizeof(m))
    memcpy(m, key, key_size)
    flr_blake2b_compress(state, m, BLOCK, False)


cdef void c_blake2b_number(uint8_t* out, size_t out_size, const uint64_t* state, uint64_t number) noexcept nogil:
    """Write the keyed digest of a number's 8 octets, little-endian; `state` is of a key and this `out_size`."""
    cdef uint64_t h[8]
    cdef uint64_t m[WORDS]
    memcpy(h, state, sizeof(h))
    memset(m, 0, sizeof(m))
    m[0] = number
    flr_blake2b_compress(h, m, BLOCK + 8, True)
    memcpy(out, h, out_size)


def blake2b(const uint8_t[::1] data not None, *, const uint8_t[::1] key not None=b"", int digest_size=64):
    """The digest, as hashlib.blake2b(data, key=key, digest_size=digest_size).digest(). Raises ValueError."""
    cdef uint8_t out[MAX_OUT]
    if not 1 <= digest_size <= MAX_OUT or key.shape[0] > MAX_OUT:
        raise ValueError("a digest of 1 to 64 octets, with a key of at most 64")
    c_blake2b(
        out, digest_size,
        &key[0] if key.shape[0] else NULL, key.shape[0],
        &data[0] if data.shape[0] else NULL, data.shape[0],
    )
    return out[:digest_size]


def blake2b_number(uint64_t number, *, const uint8_t[::1] key not None, int digest_size):
    """The keyed digest of a number's 8 octets, by way of the state that the key makes. Raises ValueError."""
    cdef uint8_t out[MAX_OUT]
    cdef uint64_t state[8]
    if not 1 <= digest_size <= MAX_OUT or not 1 <= key.shape[0] <= MAX_OUT:
        raise ValueError("a digest of 1 to 64 octets, with a key of 1 to 64")
    c_blake2b_key(state, digest_size, &key[0], key.shape[0])
    c_blake2b_number(out, digest_size, state, number)
    return out[:digest_size]
