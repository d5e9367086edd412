// bottled: see app/run.h.

#include "app/run.h"

int main(int argc, char** argv) { return bottled::RunDaemon(argc, argv); }
