/* lzf.c: the decompressor of LZF (h5py's compression="lzf", filter 32000): literal runs, and copies
 * of what came up to 8 KiB before. */
#include "io/foreign/foreign_impl.h"

enum { LITERALS = 32 /* a control byte below is one less than the length of a literal run */ };

size_t trn_lzf_decode(const unsigned char *in, size_t bytes, unsigned char *out, size_t room) {
    size_t at = 0, done = 0;
    while (at < bytes) {
        size_t control = in[at++], length, back;
        if (control < LITERALS) {
            length = control + 1;
            if (length > bytes - at || length > room - done) return 0;
            while (length-- > 0)
                out[done++] = in[at++];
            continue;
        }
        /* Three bits of length (7: a byte more), 13 of distance less one. */
        length = control >> 5;
        if (length == 7 && at < bytes) length += in[at++];
        if (at == bytes) return 0;
        back = ((control & 31) << 8 | in[at++]) + 1;
        length += 2;
        if (back > done || length > room - done) return 0;
        for (; length > 0; length--, done++) /* byte by byte: the two may overlap */
            out[done] = out[done - back];
    }
    return done;
}
