/* plugins.h: the plugins of MPI, which must outlive its threads. */
#ifndef TRN_MPI_PLUGINS_H
#define TRN_MPI_PLUGINS_H

/* Keep all plugins of Open MPI that are loaded now mapped until the process ends; of another MPI
 * there are none. To be called before MPI_Finalize. Local, no failure: what cannot be kept is not.
 */
void trn_plugins_keep(void);

#endif
