# `cmake --install`: program, static library, headers, CMake package, pkg-config file, man pages,
# bash completion, modulefile, Slurm job files. Headers keep their floors: include/trunnion/mpi/ring.h and so on.
include(CMakePackageConfigHelpers)

string(REPLACE ";" " " deps_modules "${deps_modules}")
string(REPLACE ";" " " blas_libraries "${linear_algebra}")
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/trunnion)
set(header_dir ${CMAKE_INSTALL_INCLUDEDIR}/trunnion)

# Headers -----------------------------------------------------------------------------------------
set(umbrella_includes "")
foreach(floor base kern text graph model mpi io algo)
    foreach(root ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR})
        file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE ${root} ${root}/${floor}/*.h)
        list(FILTER headers EXCLUDE REGEX "_impl\\.h$") # private to a module
        foreach(header ${headers})
            get_filename_component(room ${header} DIRECTORY)
            string(APPEND umbrella_includes "#include \"${header}\"\n")
            install(FILES ${root}/${header} DESTINATION ${header_dir}/${room})
        endforeach()
    endforeach()
endforeach()
configure_file(src/trunnion.h.in ${CMAKE_BINARY_DIR}/generated/trunnion.h @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/generated/trunnion.h DESTINATION ${header_dir})

# Program, library, CMake package ----------------------------------------------------------------
# What our headers include themselves; the rest is needed for linking only.
target_link_libraries(trunnion_lib INTERFACE MPI::MPI_C PkgConfig::trunnion_deps)
target_include_directories(trunnion_lib INTERFACE $<INSTALL_INTERFACE:${header_dir}>)
set_target_properties(trunnion_lib PROPERTIES EXPORT_NAME trunnion)
install(TARGETS trunnion)
install(TARGETS trunnion_lib EXPORT trunnion)
install(EXPORT trunnion NAMESPACE trunnion:: DESTINATION ${package_dir} FILE trunnionTargets.cmake)
configure_package_config_file(cmake/trunnionConfig.cmake.in trunnionConfig.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(trunnionConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/trunnionConfig.cmake
              ${CMAKE_BINARY_DIR}/trunnionConfigVersion.cmake DESTINATION ${package_dir})

# Job files for Slurm and what they share
file(GLOB job_files CONFIGURE_DEPENDS cluster/*.sbatch)
install(FILES ${job_files} cluster/hostfile.example DESTINATION ${CMAKE_INSTALL_DATADIR}/trunnion)
install(PROGRAMS cluster/job.sh cluster/submit.sh DESTINATION ${CMAKE_INSTALL_DATADIR}/trunnion)

# Made at install time, when the prefix is known and the program is there ------------------------
configure_file(cmake/installed.cmake.in ${CMAKE_BINARY_DIR}/generated/installed.cmake @ONLY)
install(SCRIPT ${CMAKE_BINARY_DIR}/generated/installed.cmake)
