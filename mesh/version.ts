/** Of the program, its image and its chart. */
export const VERSION_OF_PRODUCT = '0.1.0';
