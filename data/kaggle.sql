-- data/kaggle.sql: table kaggle_train from train.csv of Kaggle's competition
-- "House Prices: Advanced Regression Techniques"
--
--   psql -v train_csv=/path/to/train.csv -f data/kaggle.sql
--
-- The file is Kaggle's and not part of this project.  Without train_csv it is
-- looked for in ../shared/data/ames beside the project.  Column names are kept
-- as in the file, so they need quotes: "LotArea", "1stFlrSF".  NA is loaded as
-- NULL, although in most text columns it means "has none".
--
-- Sets the psql variable kaggle_loaded to on or off; off comes with a message.

\if :{?train_csv}
\else
\getenv abs_srcdir PG_ABS_SRCDIR
\if :{?abs_srcdir}
\set train_csv :abs_srcdir '/../../shared/data/ames/train.csv'
\else
\set train_csv '../shared/data/ames/train.csv'
\endif
\endif
\set kaggle_loaded `test -r :'train_csv' && echo on || echo off`

\if :kaggle_loaded

CREATE TABLE kaggle_train (
    "Id"            integer PRIMARY KEY,
    "MSSubClass"    integer,
    "MSZoning"      text,
    "LotFrontage"   integer,
    "LotArea"       integer,
    "Street"        text,
    "Alley"         text,
    "LotShape"      text,
    "LandContour"   text,
    "Utilities"     text,
    "LotConfig"     text,
    "LandSlope"     text,
    "Neighborhood"  text,
    "Condition1"    text,
    "Condition2"    text,
    "BldgType"      text,
    "HouseStyle"    text,
    "OverallQual"   integer,
    "OverallCond"   integer,
    "YearBuilt"     integer,
    "YearRemodAdd"  integer,
    "RoofStyle"     text,
    "RoofMatl"      text,
    "Exterior1st"   text,
    "Exterior2nd"   text,
    "MasVnrType"    text,
    "MasVnrArea"    integer,
    "ExterQual"     text,
    "ExterCond"     text,
    "Foundation"    text,
    "BsmtQual"      text,
    "BsmtCond"      text,
    "BsmtExposure"  text,
    "BsmtFinType1"  text,
    "BsmtFinSF1"    integer,
    "BsmtFinType2"  text,
    "BsmtFinSF2"    integer,
    "BsmtUnfSF"     integer,
    "TotalBsmtSF"   integer,
    "Heating"       text,
    "HeatingQC"     text,
    "CentralAir"    text,
    "Electrical"    text,
    "1stFlrSF"      integer,
    "2ndFlrSF"      integer,
    "LowQualFinSF"  integer,
    "GrLivArea"     integer,
    "BsmtFullBath"  integer,
    "BsmtHalfBath"  integer,
    "FullBath"      integer,
    "HalfBath"      integer,
    "BedroomAbvGr"  integer,
    "KitchenAbvGr"  integer,
    "KitchenQual"   text,
    "TotRmsAbvGrd"  integer,
    "Functional"    text,
    "Fireplaces"    integer,
    "FireplaceQu"   text,
    "GarageType"    text,
    "GarageYrBlt"   integer,
    "GarageFinish"  text,
    "GarageCars"    integer,
    "GarageArea"    integer,
    "GarageQual"    text,
    "GarageCond"    text,
    "PavedDrive"    text,
    "WoodDeckSF"    integer,
    "OpenPorchSF"   integer,
    "EnclosedPorch" integer,
    "3SsnPorch"     integer,
    "ScreenPorch"   integer,
    "PoolArea"      integer,
    "PoolQC"        text,
    "Fence"         text,
    "MiscFeature"   text,
    "MiscVal"       integer,
    "MoSold"        integer,
    "YrSold"        integer,
    "SaleType"      text,
    "SaleCondition" text,
    "SalePrice"     integer
);

-- psql's \copy takes no variables, the shell does
\setenv HOUSEPRICE_TRAIN_CSV :train_csv
\copy kaggle_train FROM PROGRAM 'cat "$HOUSEPRICE_TRAIN_CSV"' WITH (FORMAT csv, HEADER match, NULL 'NA')

ANALYZE kaggle_train;

\else
\echo 'kaggle_train is not loaded: no Kaggle train.csv (say -v train_csv=PATH)'
\endif
