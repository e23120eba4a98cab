/* lines.c: parts of a text are cut at bytes, and a line belongs to the part in which it begins. */
#include "io/text/lines.h"

#include "io/text/scan.h"
#include "io/text/text.h"
#include "mpi/watch.h"

enum { TICK_LINES = 1 << 14 };

trn_status_t trn_lines_each(const trn_input_t *input, int64_t first, int64_t end, int64_t limit,
                            trn_line_t take, void *user) {
    trn_scan_t *scan;
    char *line;
    int64_t length, lines = 0;
    /* a line begins at `first` if the byte before is a newline */
    TRN_TRY(trn_scan_open(&scan, input, first > 0 ? first - 1 : 0));
    trn_status_t status = first > 0 ? trn_scan_until(scan, '\n', limit, &line, &length) : TRN_OK;
    int64_t begin = trn_scan_offset(scan);
    while (status == TRN_OK && trn_scan_offset(scan) < end) {
        int64_t offset = trn_scan_offset(scan);
        status = trn_scan_until(scan, '\n', limit, &line, &length);
        if (status != TRN_OK || !line) break;
        status = take(user, line, length, offset);
        if (status == TRN_INPUT)
            status = trn_fail_prefix(status, "%s:%lld: ", input->path,
                                     (long long)(trn_text_lines(input, begin) + lines + 1));
        if (++lines % TICK_LINES == 0) trn_watch_tick();
    }
    return trn_scan_end(&scan, status);
}
