# data/export.R: writes data/ames_houses.csv from the R package modeldata
#
#   Rscript data/export.R        (from the top level; Debian: r-cran-modeldata)
#
# One row per sale, in the package's order.  Names become snake_case, lot
# frontage 0 becomes empty, and nothing else changes.  The same package version
# gives the same bytes.

load_ames <- function() {
    space <- new.env()
    utils::data("ames", package = "modeldata", envir = space)
    as.data.frame(space$ames)
}

# MS_SubClass -> ms_sub_class, TotRms_AbvGrd -> tot_rms_abv_grd
snake_case <- function(name) {
    tolower(gsub("([a-z])([A-Z])", "\\1_\\2", name))
}

# The shortest decimal that reads back as the same double.
shortest <- function(x) {
    for (digits in 15:17) {
        text <- sprintf("%.*g", digits, x)
        if (as.numeric(text) == x) return(text)
    }
}

as_text <- function(column) {
    if (is.factor(column)) {
        text <- as.character(column)
        stopifnot(!grepl("[\",\r\n]", text), nzchar(text))
    } else {
        text <- vapply(column, shortest, "")
    }
    stopifnot(!is.na(column))
    text
}

ames <- load_ames()
stopifnot(identical(dim(ames), c(2930L, 74L)))
names(ames) <- snake_case(names(ames))

# In this package a frontage of 0 stands for one that was not recorded.
unknown_frontage <- ames$lot_frontage == 0
ames[] <- lapply(ames, as_text)
ames$lot_frontage[unknown_frontage] <- ""

lines <- c(paste(names(ames), collapse = ","), do.call(paste, c(ames, sep = ",")))
target <- file("data/ames_houses.csv", "wb")
writeLines(lines, target, sep = "\n")
close(target)
cat(sprintf("data/ames_houses.csv: %d sales, %d columns, %d without lot frontage\n",
            nrow(ames), ncol(ames), sum(unknown_frontage)))
