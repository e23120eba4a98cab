"""What benchmarks against rivals in Python share: which BLAS is loaded, seconds of a call, the rate of sgemm. Import it
before NumPy: it asks for one thread."""
import ctypes, os, time

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", OMPI_ALLOW_RUN_AS_ROOT="1",
                  OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
import numpy as np


def blas():
    """OpenBLAS libraries in this process, each with the kernel that it chose."""
    found = []
    for path in sorted({line.split()[-1] for line in open("/proc/self/maps") if "blas" in line}):
        try:
            core = ctypes.CDLL(path).openblas_get_corename
            core.restype = ctypes.c_char_p
            found.append(f"{path}: {core().decode()}")
        except (AttributeError, OSError):
            found.append(path)
    return "; ".join(found)


def timed(work):
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return result, time.perf_counter() - wall, time.process_time() - cpu


def sgemm(n=2048):
    a = np.random.default_rng(0).standard_normal((n, n), dtype="f")
    return 2 * n**3 / min(timed(lambda: a @ a)[2] for _ in range(3))
