# Spack package of Trunnion. Use it from a repository of your own:
#   spack repo create trunnion-repo && spack repo add trunnion-repo
#   cp cluster/spack/package.py trunnion-repo/packages/trunnion/package.py
#   spack install trunnion        (in an environment: spack develop --path . trunnion@main)
from spack.package import *


class Trunnion(CMakePackage):
    """Distributed matrix engine in C11 over MPI that trains word embeddings with Swivel; results do
    not depend on the number of ranks."""

    license("BSD-3-Clause")

    version("main", branch="main")

    variant("native", default=False, description="Compile for this machine's processor only")

    depends_on("c", type="build")
    depends_on("cmake@3.20:", type="build")
    depends_on("pkgconfig", type=("build", "link"))
    depends_on("mpi")
    depends_on("hdf5")
    depends_on("blas")
    depends_on("lapack")
    depends_on("scalapack")
    depends_on("jansson")
    depends_on("xxhash")
    depends_on("zstd")
    depends_on("xz")
    depends_on("bzip2")
    depends_on("zlib-api")
    depends_on("utf8proc")
    depends_on("random123")
    depends_on("cmocka", type="test")

    def cmake_args(self):
        return [
            self.define_from_variant("TRUNNION_NATIVE", "native"),
            self.define("TRUNNION_TESTS", self.run_tests),
            self.define("BLAS_LIBRARY", self.spec["blas"].libs[0]),
            self.define("LAPACK_LIBRARY", self.spec["lapack"].libs[0]),
            self.define("SCALAPACK_LIBRARY", self.spec["scalapack"].libs[0]),
            self.define("CBLAS_INCLUDE", self.spec["blas"].headers.directories[0]),
        ]
